//! CREATE FUNCTION: an expression under a name.
//!
//! A function's call is planned as its expression, with what it is called with in place of its parameters
//! (see [`analyzer::lower`](crate::analyzer::lower)). So it is made sure here that this comes to an end
//! soon: a function calls only functions that exist, never itself, and not too many of them.

use std::ops::ControlFlow;

use datafusion_common::Column;
use datafusion_expr::Expr;
use sqlparser::ast::{Expr as Ast, visit_expressions};

use crate::analyzer::aggregates::first_call;
use crate::analyzer::cast::{is_lossless, is_supported};
use crate::analyzer::clause::Clause;
use crate::analyzer::coercion::widest_number;
use crate::analyzer::lower::{FUNCTION_DEPTH_MAX, Lowering, Typed, parameter_scope, parameters};
use crate::analyzer::reserved;
use crate::analyzer::resolve::{NOT_LOOKED_UP, Resolver, function_name, resolve_custom_types};
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{Lookup, UserFunction, UserParameter};
use crate::parser::ast::CreateFunction;
use crate::parser::complexity::MAX_NODES;
use crate::parser::keywords;
use crate::type_system::SqlType;

/// Plans CREATE [OR REPLACE] FUNCTION.
///
/// # Errors
/// Everything that is wrong with it. That a function of the name exists already is the caller's to refuse.
pub fn plan_create_function(
    statement: &CreateFunction,
    lookup: &dyn Lookup,
) -> Result<UserFunction, SqlError> {
    let name = statement.name.value.to_uppercase();
    let built_in = lookup.scalar_function(&name).is_some()
        || lookup.lambda_function(&name).is_some()
        || lookup.aggregate_function(&name).is_some()
        || reserved::is_reserved(&name)
        || NOT_LOOKED_UP.contains(&name.as_str())
        || keywords::is_reserved(&name);
    if built_in {
        return Err(SqlError::new(
            SqlErrorKind::Duplicate,
            format!("'{name}' is the name of a built-in function"),
        )
        .at(statement.name.span)
        .with_hint("give the function another name"));
    }
    let mut declared: Vec<UserParameter> = Vec::with_capacity(statement.arguments.len());
    for argument in &statement.arguments {
        if declared.iter().any(|other| other.name == argument.name.value) {
            let message = format!("The function has two arguments called '{}'", argument.name.value);
            return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(argument.name.span));
        }
        declared.push(UserParameter {
            name: argument.name.value.clone(),
            data_type: resolve_custom_types(&argument.data_type, lookup, argument.name.span)?,
        });
    }
    let function = UserFunction {
        name,
        parameters: declared,
        returns: resolve_custom_types(&statement.returns, lookup, statement.name.span)?,
        body: statement.body.clone(),
        expression: statement.expression.as_ref().clone(),
    };
    check_size(&function, lookup)
        .and_then(|()| check_body(&function, lookup))
        .map_err(|error| in_body(&function, error).at(statement.name.span))?;
    Ok(function)
}

/// Whether the body of a function calls another, by that one's upper-case name.
#[must_use]
pub fn calls_function(function: &UserFunction, name: &str) -> bool {
    called(&function.expression).iter().any(|called| called == name)
}

/// The body must have a type that can become the function's.
fn check_body(function: &UserFunction, lookup: &dyn Lookup) -> Result<(), SqlError> {
    let scope = parameter_scope(function, 0)?;
    let expression = Resolver { scope: &scope, clause: Clause::Function, lookup, variables: &[] }
        .resolve(&function.expression)?;
    if let Some(call) = first_call(&expression, lookup) {
        return Err(SqlError::invalid(format!("a function cannot aggregate, but {call} does"))
            .with_hint("call the function with what is aggregated: F(SUM(x))"));
    }
    let columns = function.parameters.iter().map(|parameter| {
        let column = Expr::Column(Column::new_unqualified(&parameter.name));
        Typed::new(column, parameter.data_type.clone())
    });
    let substitutions = parameters(function, columns);
    let lowering = Lowering {
        scope: &scope,
        clause: Clause::Function,
        lookup,
        substitutions: &substitutions,
        variables: &[],
    };
    match lowering.lower(&expression)?.data_type {
        Some(found) if !may_become(&found, &function.returns) => {
            let returns = &function.returns;
            Err(if is_supported(&found, returns) {
                let message =
                    format!("the expression is {found}, which does not become {returns} without a CAST");
                SqlError::type_error(message)
                    .with_hint(format!("write CAST({} AS {returns}), or RETURNS {found}", function.body))
            } else {
                SqlError::type_error(format!("the expression is {found}, which cannot become {returns}"))
            })
        }
        _ => Ok(()),
    }
}

/// Whether the value of a body becomes what the function returns without a CAST that says so: a number that
/// becomes wider, or gets the digits of a DECIMAL.
fn may_become(found: &SqlType, returns: &SqlType) -> bool {
    found == returns
        || is_lossless(found, returns)
        || widest_number(found, returns).as_ref() == Some(returns)
        || (found.is_numeric() && matches!(returns, SqlType::Decimal { .. }))
}

/// Written out with everything it calls, the body must be an expression that can be planned.
fn check_size(function: &UserFunction, lookup: &dyn Lookup) -> Result<(), SqlError> {
    let size = Expanded { own_name: &function.name, lookup }.size(&function.expression, 1)?;
    if size <= MAX_NODES {
        return Ok(());
    }
    Err(SqlError::too_complex(format!(
        "with the functions it calls the expression has {size} parts; at most {MAX_NODES} can be planned"
    )))
}

/// What a body becomes with the functions it calls written out.
struct Expanded<'a> {
    own_name: &'a str,
    lookup: &'a dyn Lookup,
}

impl Expanded<'_> {
    fn size(&self, body: &Ast, depth: usize) -> Result<usize, SqlError> {
        if depth > FUNCTION_DEPTH_MAX {
            return Err(SqlError::too_complex(format!(
                "functions call each other over more than {FUNCTION_DEPTH_MAX} levels"
            )));
        }
        let mut size: usize = 0;
        let _ = visit_expressions(body, |_| {
            size += 1;
            ControlFlow::<()>::Continue(())
        });
        for name in called(body) {
            if name == self.own_name {
                return Err(SqlError::invalid(format!("{name} would call itself")));
            }
            if let Some(function) = self.lookup.user_function(&name) {
                size = size.saturating_add(self.size(&function.expression, depth + 1)?);
            }
            if size > MAX_NODES {
                break;
            }
        }
        Ok(size)
    }
}

/// Upper-case names of the functions that an expression calls, as often as it does.
fn called(body: &Ast) -> Vec<String> {
    let mut names = Vec::new();
    let _ = visit_expressions(body, |part| {
        if let Ast::Function(function) = part {
            names.extend(function_name(&function.name));
        }
        ControlFlow::<()>::Continue(())
    });
    names
}

/// An error about a place in the body: that place means nothing in the statement.
fn in_body(function: &UserFunction, error: SqlError) -> SqlError {
    let place = error
        .position
        .map_or_else(String::new, |place| format!(" (line {}, column {} of it)", place.line, place.column));
    let message = format!("The body of function {} cannot be used: {}", function.name, error.message);
    SqlError { message, detail: Some(format!("the body is '{}'{place}", function.body)), ..error }
}
