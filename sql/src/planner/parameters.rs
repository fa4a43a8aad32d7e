//! `$1`, `$2`, … in statements that are planned here: their types, and values in their place.

use std::ops::ControlFlow;

use arrow_schema::DataType;
use chrono::DateTime;
use datafusion_common::ScalarValue;
use sqlparser::ast::{CastKind, Expr as Ast, UnaryOperator, Value, ValueWithSpan, visit_expressions_mut};

use super::insert_values::{find_target, named_columns};
use super::parameter_context::ParameterContext;
use crate::analyzer::expression::decimal_text;
use crate::error::SqlError;
use crate::lookup::{Lookup, Source};
use crate::parser::ast::{InsertValues, KsqlSelect, SelectBody, SelectItem, SelectStatement, Statement};
use crate::type_system::SqlType;

/// Highest number of a parameter: Postgres' protocol counts them in 16 bits.
const MAX_PARAMETERS: usize = 65_535;

/// Types of the parameters of a statement, as far as they can be told: a parameter that is inserted
/// has its column's type, one that is compared or computed with something has that thing's type. `None`
/// is for parameters that are best given as text.
#[must_use]
pub fn parameter_types(statement: &Statement, lookup: &dyn Lookup) -> Vec<Option<DataType>> {
    let mut statement = statement.clone();
    let mut highest = 0;
    for_each_expression(&mut statement, &mut |ast| {
        let _ = visit_expressions_mut(ast, |part| {
            highest = highest.max(placeholder(part).unwrap_or(0));
            ControlFlow::<()>::Continue(())
        });
    });
    let mut types = vec![None; highest];
    let context = match &statement {
        Statement::InsertValues(insert) => {
            if let Ok(source) = find_target(&insert.target, lookup) {
                inserted_types(insert, &source, lookup, &mut types);
            }
            ParameterContext::default()
        }
        Statement::Query(select) => ParameterContext::of(select, lookup),
        Statement::CreateAsSelect(create) => ParameterContext::of(&create.query, lookup),
        Statement::InsertSelect(insert) => ParameterContext::of(&insert.query, lookup),
        _ => return types,
    };
    for_each_expression(&mut statement, &mut |ast| {
        let _ = visit_expressions_mut(ast, |part| {
            for (parameter, data_type) in context.wanted_types(part) {
                if let Some(number) = placeholder(parameter)
                    && let Some(place @ None) = types.get_mut(number - 1)
                {
                    *place = data_type.to_arrow().ok();
                }
            }
            ControlFlow::<()>::Continue(())
        });
    });
    types
}

/// Puts a NULL of its type in the place of each parameter, TEXT where its type is not known: a statement
/// can be planned so before it has values.
///
/// # Errors
/// A parameter has a type that SQL does not know.
pub fn bind_nulls(statement: &mut Statement, types: &[Option<DataType>]) -> Result<(), SqlError> {
    replace_parameters(statement, |number| {
        let known = types.get(number - 1).and_then(Option::as_ref);
        let data_type = known.map_or(Ok(SqlType::String), SqlType::from_arrow)?;
        Ok(Ast::Cast {
            kind: CastKind::Cast,
            expr: Box::new(Ast::value(Value::Null)),
            data_type: data_type.to_ast(),
            array: false,
            format: None,
        })
    })
}

/// Puts values in the place of a statement's parameters.
///
/// # Errors
/// A parameter has no value, or one that cannot be written in a statement.
pub fn bind_parameters(statement: &mut Statement, values: &[ScalarValue]) -> Result<(), SqlError> {
    replace_parameters(statement, |number| written(number, values))
}

fn replace_parameters(
    statement: &mut Statement,
    replacement: impl Fn(usize) -> Result<Ast, SqlError>,
) -> Result<(), SqlError> {
    let mut result = Ok(());
    for_each_expression(statement, &mut |ast| {
        let _ = visit_expressions_mut(ast, |part| {
            let Some(number) = placeholder(part) else {
                return ControlFlow::Continue(());
            };
            match replacement(number) {
                Ok(written) => {
                    *part = written;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    result = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
    });
    result
}

fn inserted_types(
    insert: &InsertValues,
    source: &Source,
    lookup: &dyn Lookup,
    types: &mut [Option<DataType>],
) {
    let columns = named_columns(insert, source, lookup);
    for row in &insert.rows {
        for (ast, column) in row.iter().zip(&columns) {
            let column = source.columns.iter().find(|declared| declared.name == column.value);
            if let (Some(number), Some(column)) = (placeholder(ast), column)
                && let Some(place) = types.get_mut(number - 1)
            {
                place.get_or_insert_with(|| column.data_type.clone());
            }
        }
    }
}

fn for_each_expression(statement: &mut Statement, visit: &mut dyn FnMut(&mut Ast)) {
    match statement {
        Statement::InsertValues(insert) => insert.rows.iter_mut().flatten().for_each(visit),
        Statement::Query(select) => in_select(select, visit),
        Statement::CreateAsSelect(create) => in_select(&mut create.query, visit),
        Statement::InsertSelect(insert) => in_select(&mut insert.query, visit),
        _ => {}
    }
}

fn in_select(select: &mut SelectStatement, visit: &mut dyn FnMut(&mut Ast)) {
    let SelectBody::Ksql(body) = &mut select.body else {
        return;
    };
    let KsqlSelect { projection, where_, group_by, partition_by, having, .. } = body.as_mut();
    for item in projection {
        match item {
            SelectItem::Expression { expr, .. } | SelectItem::StructWildcard { expr, .. } => visit(expr),
            SelectItem::Wildcard { .. } | SelectItem::SourceWildcard { .. } => {}
        }
    }
    where_.iter_mut().chain(group_by).chain(partition_by).chain(having).for_each(visit);
}

/// The number of a parameter, from 1.
pub(super) fn placeholder(ast: &Ast) -> Option<usize> {
    match ast {
        Ast::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
            let number = name.strip_prefix('$')?.parse().ok();
            number.filter(|number| (1..=MAX_PARAMETERS).contains(number))
        }
        _ => None,
    }
}

/// A value as it is written in a statement. What is no number, truth value or text is written as text
/// that is read as its type where it stands.
fn written(number: usize, values: &[ScalarValue]) -> Result<Ast, SqlError> {
    let value = values
        .get(number - 1)
        .ok_or_else(|| SqlError::invalid(format!("there is no value for parameter ${number}")))?;
    let digits = |digits: String| match digits.strip_prefix('-') {
        Some(positive) => Ast::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(Ast::value(Value::Number(positive.to_owned(), false))),
        },
        None => Ast::value(Value::Number(digits, false)),
    };
    let text = |text: String| Ast::value(Value::SingleQuotedString(text));
    Ok(match value {
        value if value.is_null() => Ast::value(Value::Null),
        ScalarValue::Boolean(Some(value)) => Ast::value(Value::Boolean(*value)),
        ScalarValue::Int16(Some(value)) => digits(value.to_string()),
        ScalarValue::Int32(Some(value)) => digits(value.to_string()),
        ScalarValue::Int64(Some(value)) => digits(value.to_string()),
        ScalarValue::Float32(Some(value)) if value.is_finite() => digits(format!("{value:E}")),
        ScalarValue::Float64(Some(value)) if value.is_finite() => digits(format!("{value:E}")),
        ScalarValue::Decimal128(Some(unscaled), _, scale) if *scale >= 0 => {
            digits(decimal_text(*unscaled, scale.unsigned_abs()))
        }
        ScalarValue::Utf8(Some(value))
        | ScalarValue::LargeUtf8(Some(value))
        | ScalarValue::Utf8View(Some(value)) => text(value.clone()),
        ScalarValue::Binary(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => {
            text(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes))
        }
        other => {
            if let Some(time) = time_text(other) {
                return Ok(text(time));
            }
            return Err(SqlError::unsupported(format!(
                "a value of type {} cannot be parameter ${number} of this statement",
                other.data_type()
            ))
            .with_hint("give the value as text"));
        }
    })
}

/// A date or time as statements write it.
fn time_text(value: &ScalarValue) -> Option<String> {
    let moment = |micros: i64| {
        let moment = DateTime::from_timestamp_micros(micros)?;
        Some(moment.format("%Y-%m-%dT%H:%M:%S%.3f").to_string())
    };
    let clock = |millis: i64| {
        let moment = DateTime::from_timestamp_millis(millis)?;
        Some(moment.format("%H:%M:%S%.3f").to_string())
    };
    match value {
        ScalarValue::Date32(Some(days)) => {
            let date = DateTime::from_timestamp(i64::from(*days) * 86_400, 0)?;
            Some(date.format("%Y-%m-%d").to_string())
        }
        ScalarValue::Time32Millisecond(Some(millis)) => clock(i64::from(*millis)),
        ScalarValue::Time64Microsecond(Some(micros)) => clock(micros / 1000),
        ScalarValue::TimestampMillisecond(Some(millis), _) => moment(millis.checked_mul(1000)?),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => moment(*micros),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::parse_one;

    #[test]
    fn values_take_the_place_of_parameters() {
        let text = "INSERT INTO T VALUES ($1, $2, $3, $4, $5, $6, -$1)";
        let mut statement = parse_one(text).expect("a statement").statement;
        let values = [
            ScalarValue::Int32(Some(-7)),
            ScalarValue::Utf8(Some("it's".to_owned())),
            ScalarValue::Decimal128(Some(-150), 5, 2),
            ScalarValue::Utf8(None),
            ScalarValue::TimestampMillisecond(Some(86_400_001), None),
            ScalarValue::Binary(Some(b"hi".to_vec())),
        ];
        bind_parameters(&mut statement, &values).expect("all parameters have values");
        let Statement::InsertValues(insert) = statement else {
            panic!("an INSERT");
        };
        let row: Vec<String> = insert.rows[0].iter().map(ToString::to_string).collect();
        assert_eq!(row, ["-7", "'it''s'", "-1.50", "NULL", "'1970-01-02T00:00:00.001'", "'aGk='", "--7"]);
    }

    #[test]
    fn a_parameter_without_a_value_is_refused() {
        let mut statement = parse_one("INSERT INTO T VALUES ($2)").expect("a statement").statement;
        let error = bind_parameters(&mut statement, &[ScalarValue::Null]).expect_err("no second value");
        assert_eq!(error.message, "there is no value for parameter $2");
    }
}
