//! PARTITION BY: records get another key.

use std::cmp::Ordering;
use std::fmt;

use datafusion_common::{DFSchemaRef, Result, internal_err};
use datafusion_expr::logical_plan::UserDefinedLogicalNodeCore;
use datafusion_expr::{Expr, LogicalPlan};

/// Gives records another key. Output columns: the input's, then one for each key expression that is
/// no plain column.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PartitionBy {
    /// The records.
    pub input: LogicalPlan,
    /// The key's expressions with the names of their columns. A plain column keeps its own name and
    /// is not repeated. Empty: `PARTITION BY NULL`, the records have no key.
    pub keys: Vec<(Expr, String)>,
    /// The columns described above.
    pub schema: DFSchemaRef,
}

impl PartialOrd for PartitionBy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for PartitionBy {
    fn name(&self) -> &str {
        "PartitionBy"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.keys.iter().map(|(expression, _)| expression.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let keys: Vec<String> =
            self.keys.iter().map(|(expression, name)| format!("{expression} AS {name}")).collect();
        write!(f, "PartitionBy: {}", keys.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.into_iter().next() else {
            return internal_err!("PARTITION BY has one input");
        };
        let keys = exprs
            .into_iter()
            .zip(&self.keys)
            .map(|(expression, (_, name))| (expression, name.clone()))
            .collect();
        Ok(PartitionBy { input, keys, schema: self.schema.clone() })
    }
}
