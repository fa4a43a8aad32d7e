//! Where arithmetic meets NULL in the body of a lambda.
//!
//! In a lambda of ksqlDB, arithmetic on NULL fails, and with it the whole call of the function that the
//! lambda is given to: `TRANSFORM(ARRAY[1, NULL], x => x + 1)` is NULL. Over whole columns such arithmetic
//! gives NULL instead. So the body of a lambda is compiled together with a condition that tells where it
//! would have failed; branches that are not taken count neither here nor there.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, lit, not};
use tidemill_sql::analyzer::reserved;

/// How it shows that an expression's arithmetic met NULL.
pub(super) struct NullArithmetic {
    /// The value is NULL then.
    pub shows_as_null: bool,
    /// This is true then, where it does not show so.
    pub condition: Option<Expr>,
}

impl NullArithmetic {
    /// Of an expression.
    pub(super) fn of(expression: &Expr) -> NullArithmetic {
        let shows_as_null = is_arithmetic(expression);
        let condition = if shows_as_null { operands(expression) } else { condition(expression) };
        NullArithmetic { shows_as_null, condition }
    }
}

/// What is true where arithmetic in an expression met NULL; none where it cannot.
fn condition(expression: &Expr) -> Option<Expr> {
    if is_arithmetic(expression) {
        return either(Some(Expr::IsNull(Box::new(expression.clone()))), operands(expression));
    }
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            either(condition(left), condition(right).map(|right| left.as_ref().clone().and(right)))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            either(condition(left), condition(right).map(|right| not(left.as_ref().clone()).and(right)))
        }
        Expr::Case(Case { expr: None, when_then_expr, else_expr }) => {
            branches(when_then_expr, else_expr.as_deref())
        }
        // What fails for one part of these is NULL there, and the others stay.
        Expr::ScalarFunction(call)
            if [reserved::ARRAY, reserved::MAP, reserved::STRUCT].contains(&call.func.name()) =>
        {
            None
        }
        other => parts(other).iter().map(condition).fold(None, either),
    }
}

/// The condition for the operands of arithmetic, as far as it is not that the result is NULL.
fn operands(expression: &Expr) -> Option<Expr> {
    let of_part = |part: &Expr| if is_arithmetic(part) { operands(part) } else { condition(part) };
    parts(expression).iter().map(of_part).fold(None, either)
}

fn branches(cases: &[(Box<Expr>, Box<Expr>)], otherwise: Option<&Expr>) -> Option<Expr> {
    let Some(((when, then), others)) = cases.split_first() else { return otherwise.and_then(condition) };
    let chosen = match (condition(then), branches(others, otherwise)) {
        (None, None) => None,
        (then, others) => {
            let branch = (when.clone(), Box::new(then.unwrap_or_else(|| lit(false))));
            let others = Box::new(others.unwrap_or_else(|| lit(false)));
            Some(Expr::Case(Case::new(None, vec![branch], Some(others))))
        }
    };
    either(condition(when), chosen)
}

fn is_arithmetic(expression: &Expr) -> bool {
    match expression {
        Expr::Negative(_) => true,
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            use Operator::{Divide, Minus, Modulo, Multiply, Plus};
            matches!(op, Plus | Minus | Multiply | Divide | Modulo)
        }
        Expr::ScalarFunction(call) => ARITHMETIC.contains(&call.func.name()),
        Expr::Cast(cast) => is_arithmetic(&cast.expr),
        Expr::Alias(alias) => is_arithmetic(&alias.expr),
        _ => false,
    }
}

/// The functions that plans call for arithmetic.
const ARITHMETIC: [&str; 7] = [
    reserved::DIVIDE,
    reserved::MODULO,
    reserved::DECIMAL_ADD,
    reserved::DECIMAL_SUBTRACT,
    reserved::DECIMAL_MULTIPLY,
    reserved::DECIMAL_DIVIDE,
    reserved::DECIMAL_MODULO,
];

fn parts(expression: &Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    // The closure never fails.
    let _ = expression.apply_children(|part| {
        parts.push(part.clone());
        Ok(TreeNodeRecursion::Continue)
    });
    parts
}

fn either(left: Option<Expr>, right: Option<Expr>) -> Option<Expr> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.or(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{ident, when};

    use super::*;

    fn shown(expression: &Expr) -> (bool, Option<String>) {
        let found = NullArithmetic::of(expression);
        (found.shows_as_null, found.condition.map(|condition| condition.to_string()))
    }

    #[test]
    fn arithmetic_of_arithmetic_shows_as_null() {
        assert_eq!(shown(&((ident("x") + lit(1)) * ident("y"))), (true, None));
        assert_eq!(shown(&ident("x")), (false, None));
    }

    #[test]
    fn only_the_branch_that_is_taken_can_fail() {
        let taken = when(ident("b"), ident("x") + lit(1)).otherwise(lit(2)).expect("a CASE");
        let (shows_as_null, condition) = shown(&taken);
        assert!(!shows_as_null);
        assert_eq!(
            condition.as_deref(),
            Some("CASE WHEN b THEN x + Int32(1) IS NULL ELSE Boolean(false) END")
        );
        let behind = ident("b").and((ident("x") % lit(2)).eq(lit(0)));
        assert_eq!(shown(&behind), (false, Some("b AND x % Int32(2) IS NULL".to_owned())));
    }
}
