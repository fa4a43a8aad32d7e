//! Literals that no type of ksqlDB's can hold.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, UnaryOperator, Value, ValueWithSpan, Visit, Visitor};

use super::ast::KsqlSelect;
use crate::error::{SqlError, SqlErrorKind};

/// Refuses numbers in a ksqlDB query that are neither a `BIGINT` nor a `DOUBLE`. In Postgres's
/// grammar they are decimals.
pub(crate) fn check_select(select: &KsqlSelect) -> Result<(), SqlError> {
    select.expressions().try_for_each(|expr| match expr.visit(&mut NumberCheck::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    })
}

#[derive(Default)]
struct NumberCheck {
    /// Whether the next expression is the operand of a minus sign.
    negative: bool,
}

impl Visitor for NumberCheck {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlError> {
        let negative = std::mem::take(&mut self.negative);
        match expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, .. } => self.negative = true,
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), span }) => {
                let sign = if negative { "-" } else { "" };
                if let Some(message) = wrong_number(&format!("{sign}{digits}")) {
                    let error = SqlError::new(SqlErrorKind::InvalidLiteral, message);
                    return ControlFlow::Break(error.at(*span));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn wrong_number(number: &str) -> Option<String> {
    let exponent = number.contains(['e', 'E']);
    if exponent {
        let overflows = number.parse::<f64>().map_or(true, f64::is_infinite);
        overflows.then(|| format!("Number overflows DOUBLE: {number}"))
    } else if number.contains('.') {
        None
    } else {
        number.parse::<i64>().is_err().then(|| format!("Invalid numeric literal: {number}"))
    }
}
