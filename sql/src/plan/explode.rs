//! Table functions of the SELECT list: a row for every element of a list.

use std::cmp::Ordering;
use std::fmt;

use datafusion_common::{DFSchemaRef, Result, internal_err};
use datafusion_expr::logical_plan::UserDefinedLogicalNodeCore;
use datafusion_expr::{Expr, LogicalPlan};

/// Makes rows of the elements of lists. Where a row has several lists their elements stand side by side, and
/// NULL behind the end of shorter ones; a row without elements gives none. Output columns: the input's,
/// then one for each list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Explode {
    /// The records.
    pub input: LogicalPlan,
    /// Expressions that give lists, with the names of their elements' columns.
    pub lists: Vec<(Expr, String)>,
    /// The columns described above.
    pub schema: DFSchemaRef,
}

impl PartialOrd for Explode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.input.partial_cmp(&other.input)
    }
}

impl UserDefinedLogicalNodeCore for Explode {
    fn name(&self) -> &str {
        "Explode"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.lists.iter().map(|(expression, _)| expression.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lists: Vec<String> =
            self.lists.iter().map(|(expression, name)| format!("{expression} AS {name}")).collect();
        write!(f, "Explode: {}", lists.join(", "))
    }

    fn with_exprs_and_inputs(&self, exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let Some(input) = inputs.into_iter().next() else {
            return internal_err!("table functions have one input");
        };
        let names = self.lists.iter().map(|(_, name)| name.clone());
        Ok(Explode { input, lists: exprs.into_iter().zip(names).collect(), schema: self.schema.clone() })
    }
}
