//! GROUP BY of continuous queries.

use std::cmp::Ordering;
use std::fmt;

use arrow_schema::{DataType, Field};
use datafusion_common::{DFSchemaRef, Result, internal_err};
use datafusion_expr::logical_plan::UserDefinedLogicalNodeCore;
use datafusion_expr::{Expr, LogicalPlan};

use crate::lookup::{SourceKind, WindowSpec};
use crate::plan::Emit;
use crate::plan::explain::Length;

/// One call of an aggregate function.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub struct AggregateCall {
    /// Upper-case name of the function.
    pub function: String,
    /// Arguments over the input's columns. COUNT(*) has none.
    pub arguments: Vec<Expr>,
    /// Name of the result column.
    pub name: String,
    /// Type of the result.
    pub return_type: DataType,
    /// The most entries a collection may hold, where a setting limits them.
    pub entries_max: Option<usize>,
}

/// Groups rows and aggregates them, per window where there is one.
///
/// Output columns: the group expressions under their names, the calls under theirs, then
/// `WINDOWSTART` and `WINDOWEND` where there is a window, and `ROWTIME`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StreamAggregate {
    /// The rows.
    pub input: LogicalPlan,
    /// Whether the input is a stream (rows add) or a table (rows add and take back).
    pub input_kind: SourceKind,
    /// Group expressions with the names of their columns.
    pub groups: Vec<(Expr, String)>,
    /// Aggregates.
    pub calls: Vec<AggregateCall>,
    /// The WINDOW clause.
    pub window: Option<WindowSpec>,
    /// When results are passed on.
    pub emit: Emit,
    /// The columns described above.
    pub schema: DFSchemaRef,
}

impl StreamAggregate {
    /// The fields described above, for making the schema.
    #[must_use]
    pub fn fields(
        groups: &[(String, DataType)],
        calls: &[AggregateCall],
        window: Option<&WindowSpec>,
    ) -> Vec<Field> {
        let mut fields: Vec<Field> =
            groups.iter().map(|(name, kind)| Field::new(name, kind.clone(), true)).collect();
        fields.extend(calls.iter().map(|call| Field::new(&call.name, call.return_type.clone(), true)));
        if window.is_some() {
            fields.push(Field::new(super::source::WINDOWSTART, DataType::Int64, true));
            fields.push(Field::new(super::source::WINDOWEND, DataType::Int64, true));
        }
        fields.push(Field::new(super::source::ROWTIME, DataType::Int64, true));
        fields
    }
}

impl PartialOrd for StreamAggregate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for StreamAggregate {
    fn name(&self) -> &str {
        "StreamAggregate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let groups = self.groups.iter().map(|(expression, _)| expression.clone());
        groups.chain(self.calls.iter().flat_map(|call| call.arguments.iter().cloned())).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StreamAggregate: group by [")?;
        for (index, (expression, name)) in self.groups.iter().enumerate() {
            write!(f, "{}{expression} AS {name}", if index > 0 { ", " } else { "" })?;
        }
        write!(f, "], aggregates [")?;
        for (index, call) in self.calls.iter().enumerate() {
            let arguments: Vec<String> = call.arguments.iter().map(ToString::to_string).collect();
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}({}) AS {}", call.function, arguments.join(", "), call.name)?;
        }
        write!(f, "]")?;
        if let Some(window) = &self.window {
            write!(f, ", window {}, grace {}", window.kind, Length(window.grace_ms))?;
        }
        if self.emit == Emit::Final {
            write!(f, ", emit final")?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let Some(input) = inputs.into_iter().next() else {
            return internal_err!("an aggregation has one input");
        };
        let groups = self.groups.iter().map(|(_, name)| name.clone());
        let groups: Vec<_> = exprs.by_ref().take(self.groups.len()).zip(groups).collect();
        let calls = self
            .calls
            .iter()
            .map(|call| AggregateCall {
                arguments: exprs.by_ref().take(call.arguments.len()).collect(),
                ..call.clone()
            })
            .collect();
        Ok(StreamAggregate { input, groups, calls, ..self.clone() })
    }
}
