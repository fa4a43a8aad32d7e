//! Values of queries over what is there now that grow by what they are made of: `text || text`, and list to
//! list. A recursive query doubles such a value in each step.
//!
//! DataFusion's planner takes operators without asking which functions the session has. So it is done on the
//! plan: what stands for them there is called in a form that refuses values that are too large.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::functions::{bounded_in_place_of, concatenation};

/// The plan with bounds.
///
/// # Errors
/// Those of rewriting.
pub(super) fn bound(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(bound_in_node)?.data)
}

fn bound_in_node(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    // Columns keep the names that other nodes know them by.
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let bounded = expr.transform_up(|expr| Ok(bound_in_expression(expr, &schema)))?;
        Ok(bounded.update_data(|expr| name.restore(expr)))
    })
}

fn bound_in_expression(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
            if is_text(&left, schema) || is_text(&right, schema) =>
        {
            Transformed::yes(concatenation().call(vec![*left, *right]))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => match bounded_in_place_of(&func) {
            Some(bounded) => {
                Transformed::yes(Expr::ScalarFunction(ScalarFunction { func: bounded.clone(), args }))
            }
            None => Transformed::no(Expr::ScalarFunction(ScalarFunction { func, args })),
        },
        other => Transformed::no(other),
    }
}

fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type.is_string())
}
