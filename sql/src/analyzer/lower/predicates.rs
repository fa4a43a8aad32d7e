//! BETWEEN, IN, LIKE.

use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::expr::{Between, InList, Like};
use datafusion_expr::lit;

use super::operators::{binary, time_millis};
use super::{Lowering, type_text};
use crate::analyzer::cast::null;
use crate::analyzer::coercion::to_common_type;
use crate::analyzer::expression::{Comparison, Expression, Literal, Node};
use crate::analyzer::reserved;
use crate::error::SqlError;
use crate::type_system::SqlType;

impl Lowering<'_> {
    /// `value BETWEEN low AND high`, NULL where one of them is NULL.
    pub(super) fn between(
        &self,
        value: &Expression,
        low: &Expression,
        high: &Expression,
    ) -> Result<Expr, SqlError> {
        let (typed, typed_low) = self.comparands(value, low)?;
        let (for_low, low) =
            self.comparable(Comparison::GreaterThanOrEqual, (value, typed), (low, typed_low))?;
        let (typed, typed_high) = self.comparands(value, high)?;
        let (for_high, high) =
            self.comparable(Comparison::LessThanOrEqual, (value, typed), (high, typed_high))?;
        if for_low.data_type == for_high.data_type {
            let (value, low, high) = (for_low.expr, low.expr, high.expr);
            return Ok(Expr::Between(Between::new(Box::new(value), false, Box::new(low), Box::new(high))));
        }
        let above = binary(for_low.expr, datafusion_expr::Operator::GtEq, low.expr);
        let below = binary(for_high.expr, datafusion_expr::Operator::LtEq, high.expr);
        Ok(above.and(below))
    }

    /// `value IN (list)`, NULL or false where the value is not in it. NULL is in no list.
    pub(super) fn in_list(&self, value: &Expression, list: &[Expression]) -> Result<Expr, SqlError> {
        let members = list
            .iter()
            .map(|member| {
                let millis = time_millis(member, value)?;
                let number = |millis| Expression::new(Node::Literal(Literal::Bigint(millis)), member.span);
                Ok(millis.map_or_else(|| member.clone(), number))
            })
            .collect::<Result<Vec<Expression>, SqlError>>()?;
        let typed = std::iter::once(value)
            .chain(&members)
            .map(|expression| Ok((expression, self.lower(expression)?)))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let common = to_common_type(typed, self.lookup).map_err(|mut error| {
            error.message = format!("{}{}", self.clause.conversion_error_prefix(), error.message);
            error
        })?;
        let Some((data_type, converted)) = common else {
            return null(&SqlType::Boolean);
        };
        let mut converted = converted.into_iter();
        let Some(value) = converted.next() else {
            return Err(SqlError::internal("IN without a value"));
        };
        let members = converted.filter(|member| !is_null(member));
        if matches!(data_type, SqlType::Array(_) | SqlType::Map { .. } | SqlType::Struct(_)) {
            let equal = members
                .map(|member| self.reserved(reserved::EQUAL, vec![value.clone(), member]))
                .collect::<Result<Vec<_>, _>>()?;
            return Ok(equal.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false)));
        }
        Ok(Expr::InList(InList::new(Box::new(value), members.collect(), false)))
    }

    /// `value LIKE pattern`, NULL where one of them is NULL. Where no escape character is named there is none.
    pub(super) fn like(
        &self,
        value: &Expression,
        pattern: &Expression,
        escape: Option<char>,
    ) -> Result<Expr, SqlError> {
        let operand = |expression: &Expression| {
            let typed = self.lower(expression)?;
            match &typed.data_type {
                Some(SqlType::String) => Ok(typed.expr),
                None => null(&SqlType::String),
                other => Err(SqlError::type_error(format!(
                    "The column type for Like condition must be VARCHAR. The column type is {}",
                    type_text(other.as_ref())
                ))
                .at(expression.span)
                .with_hint("LIKE compares text with a pattern; CAST other values to STRING")),
            }
        };
        let (lowered_value, lowered_pattern) = (operand(value)?, operand(pattern)?);
        let pattern = match (&pattern.node, escape) {
            (_, Some('\\')) => lowered_pattern,
            (Node::Literal(Literal::String(text)), escape) => lit(with_backslashes(text, escape)),
            (_, escape) => {
                let escape = lit(escape.map(String::from).unwrap_or_default());
                return self.reserved(reserved::LIKE, vec![lowered_value, lowered_pattern, escape]);
            }
        };
        Ok(Expr::Like(Like::new(false, Box::new(lowered_value), Box::new(pattern), None, false)))
    }
}

/// A pattern with another escape character or none, written with the backslash that Arrow's kernel knows.
#[must_use]
pub fn with_backslashes(pattern: &str, escape: Option<char>) -> String {
    let mut result = String::with_capacity(pattern.len() + 2);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            character if Some(character) == escape => {
                result.push('\\');
                result.extend(characters.next());
            }
            '\\' => result.push_str("\\\\"),
            other => result.push(other),
        }
    }
    result
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if ScalarValue::is_null(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_another_escape_are_rewritten() {
        assert_eq!(with_backslashes("50!%!_", Some('!')), "50\\%\\_");
        assert_eq!(with_backslashes("a!!b\\", Some('!')), "a\\!b\\\\");
        assert_eq!(with_backslashes("50\\%", None), "50\\\\%");
    }
}
