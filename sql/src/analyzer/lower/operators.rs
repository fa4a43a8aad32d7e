//! Arithmetic, comparison, CASE.

use datafusion_expr::expr::{BinaryExpr, Case};
use datafusion_expr::{Expr, Operator, lit};

use super::{Lowering, Typed, type_text};
use crate::analyzer::cast::{call, convert, reserved_function};
use crate::analyzer::coercion::{common_type, widest_number};
use crate::analyzer::decimal::{self, Digits};
use crate::analyzer::expression::{Arithmetic, Comparison, Expression, Literal, Node};
use crate::analyzer::scope::is_time_column;
use crate::analyzer::text_value::value_of_text;
use crate::analyzer::{reserved, time_text};
use crate::error::{SqlError, SqlErrorKind};
use crate::type_system::SqlType;

impl Lowering<'_> {
    pub(super) fn negate(&self, expression: &Expression, value: &Expression) -> Result<Typed, SqlError> {
        let value = self.lower(value)?;
        match value.data_type {
            Some(data_type) if data_type.is_numeric() => {
                Ok(Typed::new(Expr::Negative(Box::new(value.expr)), data_type))
            }
            other => Err(SqlError::type_error(format!(
                "Error processing expression: {expression}. Negation of type {} is not supported.",
                type_text(other.as_ref())
            ))),
        }
    }

    pub(super) fn arithmetic(
        &self,
        expression: &Expression,
        operator: Arithmetic,
        left: &Expression,
        right: &Expression,
    ) -> Result<Typed, SqlError> {
        let (left, right) = (self.lower(left)?, self.lower(right)?);
        let not_supported = || {
            let reason = match (&left.data_type, &right.data_type) {
                (Some(left), Some(right)) => {
                    format!("Unsupported arithmetic types. {} {}", left.base_name(), right.base_name())
                }
                (left, right) => format!(
                    "Arithmetic on types {} and {} are not supported.",
                    type_text(left.as_ref()),
                    type_text(right.as_ref())
                ),
            };
            SqlError::type_error(format!("Error processing expression: {expression}. {reason}"))
        };
        let (Some(left_type), Some(right_type)) = (&left.data_type, &right.data_type) else {
            return Err(not_supported());
        };
        if let (SqlType::String, SqlType::String) = (left_type, right_type) {
            return match operator {
                Arithmetic::Add | Arithmetic::Concat => {
                    Ok(Typed::new(binary(left.expr, Operator::StringConcat, right.expr), SqlType::String))
                }
                _ => Err(not_supported()),
            };
        }
        if operator == Arithmetic::Concat {
            return Err(not_supported());
        }
        let result = widest_number(left_type, right_type).ok_or_else(not_supported)?;
        if matches!(result, SqlType::Decimal { .. }) {
            let digits = Digits::of(left_type).zip(Digits::of(right_type)).ok_or_else(not_supported)?;
            let left = self.as_decimal(left.expr, left_type, digits.0)?;
            let right = self.as_decimal(right.expr, right_type, digits.1)?;
            return self.decimal_arithmetic(operator, left, right, digits);
        }
        let left = convert(left.expr, Some(left_type), &result, self.lookup)?;
        let right = convert(right.expr, Some(right_type), &result, self.lookup)?;
        let whole = result != SqlType::Double;
        let expr = match operator {
            Arithmetic::Add | Arithmetic::Concat => binary(left, Operator::Plus, right),
            Arithmetic::Subtract => binary(left, Operator::Minus, right),
            Arithmetic::Multiply => binary(left, Operator::Multiply, right),
            Arithmetic::Divide if whole => self.reserved(reserved::DIVIDE, vec![left, right])?,
            Arithmetic::Modulo if whole => self.reserved(reserved::MODULO, vec![left, right])?,
            Arithmetic::Divide => binary(left, Operator::Divide, right),
            Arithmetic::Modulo => binary(left, Operator::Modulo, right),
        };
        Ok(Typed::new(expr, result))
    }

    fn decimal_arithmetic(
        &self,
        operator: Arithmetic,
        left: Expr,
        right: Expr,
        digits: (Digits, Digits),
    ) -> Result<Typed, SqlError> {
        let (name, result) = match operator {
            Arithmetic::Add | Arithmetic::Concat => (reserved::DECIMAL_ADD, decimal::add(digits.0, digits.1)),
            Arithmetic::Subtract => (reserved::DECIMAL_SUBTRACT, decimal::add(digits.0, digits.1)),
            Arithmetic::Multiply => (reserved::DECIMAL_MULTIPLY, decimal::multiply(digits.0, digits.1)),
            Arithmetic::Divide => (reserved::DECIMAL_DIVIDE, decimal::divide(digits.0, digits.1)),
            Arithmetic::Modulo => (reserved::DECIMAL_MODULO, decimal::modulo(digits.0, digits.1)),
        };
        Ok(Typed::new(self.reserved(name, vec![left, right])?, result.sql_type()))
    }

    fn as_decimal(&self, expr: Expr, data_type: &SqlType, digits: Digits) -> Result<Expr, SqlError> {
        convert(expr, Some(data_type), &digits.sql_type(), self.lookup)
    }

    pub(super) fn reserved(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr, SqlError> {
        Ok(call(reserved_function(name, self.lookup)?, arguments))
    }

    /// The comparison, NULL where an operand is NULL.
    pub(super) fn comparison(
        &self,
        operator: Comparison,
        left: &Expression,
        right: &Expression,
    ) -> Result<Expr, SqlError> {
        let (typed_left, typed_right) = self.comparands(left, right)?;
        let (left, right) = self.comparable(operator, (left, typed_left), (right, typed_right))?;
        let nested = |data_type: &SqlType| {
            matches!(data_type, SqlType::Array(_) | SqlType::Map { .. } | SqlType::Struct(_))
        };
        if left.data_type.as_ref().is_some_and(nested) {
            let arguments = vec![left.expr, right.expr];
            return Ok(match operator {
                Comparison::NotEqual => Expr::Not(Box::new(self.reserved(reserved::EQUAL, arguments)?)),
                Comparison::IsDistinctFrom => {
                    Expr::Not(Box::new(self.reserved(reserved::NOT_DISTINCT, arguments)?))
                }
                Comparison::IsNotDistinctFrom => self.reserved(reserved::NOT_DISTINCT, arguments)?,
                _ => self.reserved(reserved::EQUAL, arguments)?,
            });
        }
        Ok(binary(left.expr, operator_of(operator), right.expr))
    }

    /// Both sides of a comparison, where text beside a pseudo column that is a time is that time.
    pub(super) fn comparands(
        &self,
        left: &Expression,
        right: &Expression,
    ) -> Result<(Typed, Typed), SqlError> {
        let typed_left = match time_literal(left, right)? {
            Some(typed) => typed,
            None => self.lower(left)?,
        };
        let typed_right = match time_literal(right, left)? {
            Some(typed) => typed,
            None => self.lower(right)?,
        };
        Ok((typed_left, typed_right))
    }

    /// Both sides in the type in which they are compared.
    pub(super) fn comparable(
        &self,
        operator: Comparison,
        (left_expression, left): (&Expression, Typed),
        (right_expression, right): (&Expression, Typed),
    ) -> Result<(Typed, Typed), SqlError> {
        let (Some(left_type), Some(right_type)) = (left.data_type.clone(), right.data_type.clone()) else {
            return Err(SqlError::type_error(format!(
                "Comparison with NULL not supported: {} {} {}\nUse 'IS NULL' or 'IS NOT NULL' instead.",
                left.data_type.as_ref().map_or("NULL", SqlType::base_name),
                operator.symbol(),
                right.data_type.as_ref().map_or("NULL", SqlType::base_name)
            )));
        };
        let compared = self.compared_type(
            operator,
            (left_expression, &left, &left_type),
            (right_expression, &right, &right_type),
        );
        let Some(compared) = compared else {
            return Err(SqlError::type_error(format!(
                "Cannot compare {left_expression} ({left_type}) to {right_expression} ({right_type}) with {}.",
                operator.word()
            )));
        };
        let left = self.comparand(left_expression, left, &compared)?;
        let right = self.comparand(right_expression, right, &compared)?;
        Ok((left, right))
    }

    fn compared_type(
        &self,
        operator: Comparison,
        (left_expression, left, left_type): (&Expression, &Typed, &SqlType),
        (right_expression, right, right_type): (&Expression, &Typed, &SqlType),
    ) -> Option<SqlType> {
        if left_type.is_numeric() && right_type.is_numeric() {
            return widest_number(left_type, right_type);
        }
        match (left_type, right_type) {
            (SqlType::Boolean, SqlType::Boolean) => operator.is_equality().then_some(SqlType::Boolean),
            (SqlType::Array(_), SqlType::Array(_))
            | (SqlType::Map { .. }, SqlType::Map { .. })
            | (SqlType::Struct(_), SqlType::Struct(_)) => {
                let both = [(left_expression, left), (right_expression, right)];
                operator.is_equality().then(|| common_type(&both).ok().flatten())?
            }
            (left, right) if left == right => Some(left.clone()),
            (SqlType::Timestamp, SqlType::Date | SqlType::String)
            | (SqlType::Date | SqlType::String, SqlType::Timestamp) => Some(SqlType::Timestamp),
            (SqlType::Date, SqlType::String) | (SqlType::String, SqlType::Date) => Some(SqlType::Date),
            (SqlType::Time, SqlType::String) | (SqlType::String, SqlType::Time) => Some(SqlType::Time),
            _ => None,
        }
    }

    /// Text that is written out is read now, so that a mistake in it is seen now.
    fn comparand(&self, expression: &Expression, typed: Typed, target: &SqlType) -> Result<Typed, SqlError> {
        if let (Node::Literal(Literal::String(text)), Some(SqlType::String)) =
            (&expression.node, &typed.data_type)
        {
            let value = value_of_text(text, target);
            let value = value.ok_or_else(|| not_a_time(text, target).at(expression.span))?;
            return Ok(Typed::new(Expr::Literal(value, None), target.clone()));
        }
        let expr = convert(typed.expr, typed.data_type.as_ref(), target, self.lookup)?;
        Ok(Typed::new(expr, target.clone()))
    }

    pub(super) fn case(
        &self,
        expression: &Expression,
        branches: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
    ) -> Result<Typed, SqlError> {
        let mut lowered = Vec::with_capacity(branches.len());
        let mut result: Option<SqlType> = None;
        // In ksqlDB even numbers do not become wider here.
        let exact = self.lookup.within_ksqldb_limits();
        for (condition, value) in branches {
            let typed_condition = self.condition(condition)?;
            if typed_condition.data_type != Some(SqlType::Boolean) {
                return Err(SqlError::type_error(format!(
                    "WHEN operand type should be boolean.\nType for '{condition}' is {}",
                    type_text(typed_condition.data_type.as_ref())
                ))
                .at(condition.span));
            }
            let typed = self.lower(value)?;
            result = widen(result, typed.data_type.as_ref(), exact).map_err(|(expected, found)| {
                SqlError::type_error(format!(
                    "Invalid Case expression. Type for all 'THEN' clauses should be the same.\nTHEN \
                     expression 'WHEN {condition} THEN {value}' has type: {found}.\nPrevious THEN \
                     expression(s) type: {expected}."
                ))
                .at(value.span)
            })?;
            lowered.push((typed_condition.expr, typed));
        }
        let otherwise = otherwise.map(|value| Ok((value, self.lower(value)?))).transpose()?;
        if let Some((value, typed)) = &otherwise {
            result = widen(result, typed.data_type.as_ref(), exact).map_err(|(expected, found)| {
                SqlError::type_error(format!(
                    "Invalid Case expression. Type for the default clause should be the same as for 'THEN' \
                     clauses.\nTHEN type: {expected}.\nDEFAULT type: {found}."
                ))
                .at(value.span)
            })?;
        }
        let Some(result) = result else {
            return Err(SqlError::type_error("Invalid Case expression. All case branches have NULL type")
                .at(expression.span)
                .with_hint("write CAST(NULL AS type)"));
        };
        let value = |typed: Typed| convert(typed.expr, typed.data_type.as_ref(), &result, self.lookup);
        let branches = lowered
            .into_iter()
            .map(|(condition, typed)| Ok((Box::new(condition), Box::new(value(typed)?))))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let otherwise = otherwise.map(|(_, typed)| value(typed).map(Box::new)).transpose()?;
        Ok(Typed::new(Expr::Case(Case::new(None, branches, otherwise)), result))
    }
}

/// The type of a CASE with one more branch: the same, or unless `exact` the wider of two number types; NULL
/// has any.
fn widen(
    common: Option<SqlType>,
    branch: Option<&SqlType>,
    exact: bool,
) -> Result<Option<SqlType>, (SqlType, SqlType)> {
    match (common, branch) {
        (common, None) => Ok(common),
        (None, Some(branch)) => Ok(Some(branch.clone())),
        (Some(common), Some(branch)) if common == *branch => Ok(Some(common)),
        (Some(common), Some(branch)) => match widest_number(&common, branch).filter(|_| !exact) {
            Some(widest) => Ok(Some(widest)),
            None => Err((common, branch.clone())),
        },
    }
}

/// A DataFusion operator on two expressions.
pub(super) fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn operator_of(operator: Comparison) -> Operator {
    match operator {
        Comparison::Equal => Operator::Eq,
        Comparison::NotEqual => Operator::NotEq,
        Comparison::LessThan => Operator::Lt,
        Comparison::LessThanOrEqual => Operator::LtEq,
        Comparison::GreaterThan => Operator::Gt,
        Comparison::GreaterThanOrEqual => Operator::GtEq,
        Comparison::IsDistinctFrom => Operator::IsDistinctFrom,
        Comparison::IsNotDistinctFrom => Operator::IsNotDistinctFrom,
    }
}

fn time_literal(text: &Expression, other: &Expression) -> Result<Option<Typed>, SqlError> {
    Ok(time_millis(text, other)?.map(|millis| Typed::new(lit(millis), SqlType::Bigint)))
}

/// Milliseconds since the epoch for text that is compared with a pseudo column of time.
pub(super) fn time_millis(text: &Expression, other: &Expression) -> Result<Option<i64>, SqlError> {
    let Node::Literal(Literal::String(written)) = &text.node else {
        return Ok(None);
    };
    if !mentions_time(other) {
        return Ok(None);
    }
    let millis = time_text::parse_timestamp(written);
    millis.map(Some).ok_or_else(|| {
        let message = format!("Failed to parse timestamp '{written}'");
        let error = SqlError::new(SqlErrorKind::InvalidLiteral, message);
        error.at(text.span).with_hint(time_text::TIMESTAMP_HELP)
    })
}

fn mentions_time(expression: &Expression) -> bool {
    match &expression.node {
        Node::Column(column) => is_time_column(&column.name),
        Node::WindowBound(_) => true,
        Node::Arithmetic { left, right, .. } => mentions_time(left) || mentions_time(right),
        _ => false,
    }
}

fn not_a_time(text: &str, data_type: &SqlType) -> SqlError {
    let message = format!("invalid input syntax for type {data_type}: \"{text}\".");
    SqlError::new(SqlErrorKind::InvalidLiteral, message).with_hint(time_text::TIMESTAMP_HELP)
}
