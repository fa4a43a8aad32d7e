//! Whether an expression may hide that a part of it failed.
//!
//! A function that fails gives NULL, and so does nearly everything that is computed from NULL. But `IS NULL`
//! makes a truth of it again, and `IFNULL(a / b, 0)` a number, while in ksqlDB what fails takes the expression
//! around it along. Where something failed in an expression that may hide it, each row is looked at for itself.
//!
//! In some places ksqlDB catches failures, and goes on with NULL: in a CAST, in the parts of ARRAY, MAP and
//! STRUCT, and in arguments of functions that are calls or fields themselves, as in `COALESCE(PARSE_DATE(a,
//! b), c)`. Where a failure was cannot be told, so an expression with such a place keeps what it gives.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use tidemill_sql::analyzer::reserved;

/// What an expression may do with the failure of a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Handling {
    /// Its value may be something else than NULL though the part takes the whole along.
    pub may_hide: bool,
    /// There may be a place in it that catches the failure.
    pub may_catch: bool,
}

impl Handling {
    /// Of an expression.
    pub(super) fn of(expression: &Expr) -> Handling {
        let Parts { may_hide, may_catch, .. } = Parts::of(expression);
        Handling { may_hide: may_hide && !may_catch, may_catch }
    }
}

/// What is known of an expression and all its parts.
#[derive(Clone, Copy, Default)]
struct Parts {
    /// It may fail and take along what is around it.
    may_fail: bool,
    /// It, or a part of it, may have a value though what that is computed from failed.
    may_hide: bool,
    /// There is a place in it where failures are caught.
    may_catch: bool,
}

impl Parts {
    fn of(expression: &Expr) -> Parts {
        let mut inner = Parts::default();
        let mut first_may_fail = None;
        // The closure never fails.
        let _ = expression.apply_children(|part| {
            let of_part = Parts::of(part);
            let is_caught = catches(expression, part);
            first_may_fail.get_or_insert(of_part.may_fail);
            inner.may_fail |= of_part.may_fail && !is_caught;
            inner.may_hide |= of_part.may_hide;
            inner.may_catch |= of_part.may_catch || (of_part.may_fail && is_caught);
            Ok(TreeNodeRecursion::Continue)
        });
        // The right side of AND and OR is computed where it counts alone: what fails there makes the whole NULL.
        let only_right_may_fail = is_logic(expression) && first_may_fail == Some(false);
        let is_null_of_failure = is_null_of_null(expression) || only_right_may_fail;
        Parts {
            may_fail: inner.may_fail || called(expression).is_some_and(can_fail),
            may_hide: inner.may_hide || (inner.may_fail && !is_null_of_failure),
            may_catch: inner.may_catch || called(expression) == Some(reserved::CAST),
        }
    }
}

/// The functions that plans call for arithmetic, which fail where they divide by zero or do not fit.
const ARITHMETIC: [&str; 7] = [
    reserved::DIVIDE,
    reserved::MODULO,
    reserved::DECIMAL_ADD,
    reserved::DECIMAL_SUBTRACT,
    reserved::DECIMAL_MULTIPLY,
    reserved::DECIMAL_DIVIDE,
    reserved::DECIMAL_MODULO,
];

/// The name of the function that an expression calls.
fn called(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::ScalarFunction(call) => Some(call.func.name()),
        _ => None,
    }
}

/// Whether the call of a function may fail.
pub(super) fn can_fail(name: &str) -> bool {
    !reserved::is_reserved(name) || name == reserved::LIKE || ARITHMETIC.contains(&name)
}

/// Whether an expression is an AND or OR.
fn is_logic(expression: &Expr) -> bool {
    matches!(expression, Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }))
}

/// Whether what fails in a part of an expression is NULL there and nothing more.
fn catches(expression: &Expr, part: &Expr) -> bool {
    const CATCHING: [&str; 4] = [reserved::CAST, reserved::ARRAY, reserved::MAP, reserved::STRUCT];
    match called(expression) {
        None => matches!(expression, Expr::Cast(_) | Expr::TryCast(_)),
        Some(name) if reserved::is_reserved(name) => CATCHING.contains(&name),
        Some(_) => called(part).is_some_and(|name| !reserved::is_reserved(name) || name == reserved::FIELD),
    }
}

/// Whether an expression is NULL where any of its operands is.
fn is_null_of_null(expression: &Expr) -> bool {
    const OTHERS: [&str; 4] = [reserved::EQUAL, reserved::LIKE, reserved::SUBSCRIPT, reserved::FIELD];
    match expression {
        Expr::Alias(_) | Expr::Negative(_) | Expr::Not(_) | Expr::Like(_) => true,
        Expr::BinaryExpr(BinaryExpr { op, .. }) => {
            use Operator::{And, IsDistinctFrom, IsNotDistinctFrom, Or};
            !matches!(op, And | Or | IsDistinctFrom | IsNotDistinctFrom)
        }
        other => called(other).is_some_and(|name| ARITHMETIC.contains(&name) || OTHERS.contains(&name)),
    }
}
