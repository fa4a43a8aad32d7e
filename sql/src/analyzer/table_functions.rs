//! Table functions in the expressions of a query.

use crate::analyzer::expression::{Expression, Node};
use crate::error::SqlError;
use crate::lookup::Lookup;

/// Adds the calls of table functions in an expression of the SELECT list to `calls`, each once.
///
/// # Errors
/// One stands where it cannot: in another, in a CASE, of which every branch is a row's affair, or in a
/// lambda.
pub fn collect_calls(
    expression: &Expression,
    lookup: &dyn Lookup,
    calls: &mut Vec<Expression>,
) -> Result<(), SqlError> {
    match &expression.node {
        Node::Call { name, arguments } if lookup.table_function(name).is_some() => {
            let inner = arguments.iter().find_map(|argument| first_call(argument, lookup));
            if let Some((inner, inner_name)) = inner {
                let message = format!("Table functions cannot be nested: {name}({inner_name}())");
                return Err(SqlError::invalid(message).at(inner.span));
            }
            if !calls.contains(expression) {
                calls.push(expression.clone());
            }
            Ok(())
        }
        Node::Case { .. } => match first_call(expression, lookup) {
            Some((call, _)) => {
                let message = format!("Table functions cannot be used in CASE: {expression}");
                Err(SqlError::invalid(message).at(call.span))
            }
            None => Ok(()),
        },
        Node::Lambda { body, .. } => match first_call(body, lookup) {
            Some((call, _)) => {
                let message = format!("Table functions cannot be used in lambdas: {expression}");
                Err(SqlError::invalid(message).at(call.span))
            }
            None => Ok(()),
        },
        _ => expression.children().into_iter().try_for_each(|child| collect_calls(child, lookup, calls)),
    }
}

/// The first call of a table function in an expression, and the function's name.
fn first_call<'e>(expression: &'e Expression, lookup: &dyn Lookup) -> Option<(&'e Expression, &'e str)> {
    let mut first = None;
    expression.walk(&mut |part| {
        if let (None, Node::Call { name, .. }) = (first, &part.node)
            && lookup.table_function(name).is_some()
        {
            first = Some((part, name.as_str()));
        }
        first.is_none()
    });
    first
}
