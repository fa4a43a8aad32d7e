//! Joins of continuous queries.

use std::cmp::Ordering;
use std::fmt;

use datafusion_common::{DFSchemaRef, JoinType, Result, internal_err};
use datafusion_expr::logical_plan::UserDefinedLogicalNodeCore;
use datafusion_expr::{Expr, LogicalPlan};

/// Which rows of the two sides meet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub enum JoinKind {
    /// Records of two streams whose event times are near.
    StreamStream {
        /// The right record may be this much older than the left one, in milliseconds.
        before_ms: i64,
        /// The right record may be this much younger than the left one, in milliseconds.
        after_ms: i64,
        /// With GRACE PERIOD: unmatched rows wait until their window plus this is closed. Without:
        /// they are passed on at once (ksqlDB's older behaviour), and records are kept 24 hours.
        grace_ms: Option<i64>,
    },
    /// A stream's record with the row the table has at that moment. Only the left side triggers.
    StreamTable,
    /// Two tables on their keys.
    TableTable,
    /// A left table's expression with the right table's key; several left rows may meet one right.
    ForeignKey,
}

/// A join. Output columns: those of the left input, then those of the right one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct StreamJoin {
    /// Left input.
    pub left: LogicalPlan,
    /// Right input.
    pub right: LogicalPlan,
    /// Pairs of expressions that must be equal: over the left input, over the right input. They have
    /// the same type.
    pub on: Vec<(Expr, Expr)>,
    /// Inner, Left, Right or Full.
    pub join_type: JoinType,
    /// Which rows meet.
    pub kind: JoinKind,
    /// The columns described above.
    pub schema: DFSchemaRef,
}

impl PartialOrd for StreamJoin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.left.partial_cmp(&other.left)
    }
}

impl UserDefinedLogicalNodeCore for StreamJoin {
    fn name(&self) -> &str {
        "StreamJoin"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.left, &self.right]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.on.iter().flat_map(|(left, right)| [left.clone(), right.clone()]).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let on: Vec<String> = self.on.iter().map(|(left, right)| format!("{left} = {right}")).collect();
        write!(f, "StreamJoin: {} {} on {}", self.join_type, self.kind, on.join(" AND "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let mut inputs = inputs.into_iter();
        let (Some(left), Some(right)) = (inputs.next(), inputs.next()) else {
            return internal_err!("a join has two inputs");
        };
        let mut exprs = exprs.into_iter();
        let mut on = Vec::with_capacity(self.on.len());
        while let (Some(left), Some(right)) = (exprs.next(), exprs.next()) {
            on.push((left, right));
        }
        Ok(StreamJoin { left, right, on, ..self.clone() })
    }
}
