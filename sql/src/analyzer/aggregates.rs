//! Aggregate functions in the expressions of a query.

use arrow_schema::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;

use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::lower::Lowering;
use crate::analyzer::scope::misused_bound;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{AggregateFunction, Lookup};
use crate::plan::aggregate::AggregateCall;
use crate::plan::source::ROWTIME;
use crate::type_system::SqlType;

use std::sync::Arc;

/// The aggregate function that the expression itself is a call of, with its arguments.
#[must_use]
pub fn as_aggregate<'e>(
    expression: &'e Expression,
    lookup: &dyn Lookup,
) -> Option<(Arc<dyn AggregateFunction>, &'e [Expression])> {
    match &expression.node {
        Node::Call { name, arguments } => {
            lookup.aggregate_function(name).map(|function| (function, arguments.as_slice()))
        }
        _ => None,
    }
}

/// Adds the calls of aggregate functions in an expression to `calls`, each once.
///
/// # Errors
/// An aggregate stands in the arguments of another, or a bound of the windows whose rows it aggregates.
pub fn collect_calls(
    expression: &Expression,
    lookup: &dyn Lookup,
    calls: &mut Vec<Expression>,
) -> Result<(), SqlError> {
    if let Some((function, arguments)) = as_aggregate(expression, lookup) {
        for argument in arguments {
            if let Some(inner) = first_call(argument, lookup)
                && let Node::Call { name, .. } = &inner.node
            {
                let outer = function.name();
                let message = format!("Aggregate functions can not be nested: {outer}({name}())");
                return Err(SqlError::invalid(message).at(inner.span));
            }
            check_no_bounds(argument)?;
        }
        if !calls.contains(expression) {
            calls.push(expression.clone());
        }
        return Ok(());
    }
    expression.children().into_iter().try_for_each(|child| collect_calls(child, lookup, calls))
}

/// The bounds of a window are not known before its rows are aggregated.
fn check_no_bounds(argument: &Expression) -> Result<(), SqlError> {
    let mut bound = None;
    argument.walk(&mut |part| {
        if let Node::WindowBound(found) = part.node {
            bound = bound.or(Some((found, part.span)));
        }
        bound.is_none()
    });
    bound.map_or(Ok(()), |(bound, span)| Err(misused_bound(bound).at(span)))
}

/// The first call of an aggregate function in an expression.
#[must_use]
pub fn first_call<'e>(expression: &'e Expression, lookup: &dyn Lookup) -> Option<&'e Expression> {
    let mut first = None;
    expression.walk(&mut |part| {
        if first.is_none() && as_aggregate(part, lookup).is_some() {
            first = Some(part);
        }
        first.is_none()
    });
    first
}

/// Columns of an expression that stand neither in a group's expression nor in an aggregate.
#[must_use]
pub fn ungrouped_columns<'e>(
    expression: &'e Expression,
    groups: &[Expression],
    lookup: &dyn Lookup,
) -> Vec<&'e Expression> {
    let mut ungrouped = Vec::new();
    expression.walk(&mut |part| {
        if groups.contains(part) || as_aggregate(part, lookup).is_some() {
            return false;
        }
        if matches!(part.node, Node::Column(_) | Node::Computed(_)) {
            ungrouped.push(part);
        }
        true
    });
    ungrouped
}

/// The call as a plan has it, with the name of its column.
///
/// # Errors
/// The function does not take such arguments.
pub fn lower_call(
    expression: &Expression,
    name: String,
    lowering: &Lowering<'_>,
) -> Result<AggregateCall, SqlError> {
    let Some((function, arguments)) = as_aggregate(expression, lowering.lookup) else {
        return Err(SqlError::internal(format!("'{expression}' is no aggregate")));
    };
    let mut exprs = Vec::with_capacity(arguments.len());
    let mut types = Vec::with_capacity(arguments.len());
    let mut constants = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        let typed = lowering.lower(argument)?;
        types.push(match &typed.data_type {
            Some(data_type) => data_type.to_arrow()?,
            None => DataType::Null,
        });
        let constant = constant(&typed.expr);
        if function.is_literal(index, arguments.len()) && constant.is_none() {
            return Err(SqlError::invalid(format!(
                "Parameter {} passed to function {} must be a literal constant, but was expression: \
                 '{argument}'",
                index + 1,
                function.name()
            ))
            .at(argument.span));
        }
        constants.push(constant);
        exprs.push(typed.expr);
    }
    let return_type = function
        .return_type(&types, &constants)
        .map_err(|text| SqlError::new(SqlErrorKind::UnknownFunction, text).at(expression.span))?;
    // A type that SQL does not know would surface much later.
    let return_type = SqlType::from_arrow(&return_type)?.to_arrow()?;
    Ok(AggregateCall {
        function: function.name().to_uppercase(),
        arguments: exprs,
        name,
        return_type,
        entries_max: entries_max(function.name(), lowering.lookup)?,
    })
}

/// The limit that the setting `ksql.functions.NAME.limit` puts on the entries of a collection; a negative
/// one is none.
fn entries_max(function: &str, lookup: &dyn Lookup) -> Result<Option<usize>, SqlError> {
    let setting = format!("ksql.functions.{}.limit", function.to_lowercase());
    let Some(written) = lookup.property(&setting) else { return Ok(None) };
    let limit: Result<i64, _> = written.trim().parse();
    limit.map(|limit| usize::try_from(limit).ok()).map_err(|_| {
        let message = format!("Invalid value {written} for configuration {setting}: not a number of entries");
        SqlError::new(SqlErrorKind::InvalidProperty, message)
    })
}

/// The call as messages show it: COUNT counts the rows' times.
#[must_use]
pub fn call_text(expression: &Expression) -> String {
    match &expression.node {
        Node::Call { name, arguments } if name == "COUNT" && arguments.is_empty() => {
            format!("COUNT({ROWTIME})")
        }
        _ => expression.to_string(),
    }
}

/// The value of an argument that is written out; `NULL` is none.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value.clone()),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(value, _) => value.arithmetic_negate().ok(),
            _ => None,
        },
        _ => None,
    }
}
