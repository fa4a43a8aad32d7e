//! Calls of functions made by CREATE FUNCTION: the function's expression, over what it is called with.

use datafusion_expr::Expr;
use sqlparser::tokenizer::Span;

use super::{Lowering, Substitution, Typed, type_text};
use crate::analyzer::cast::{convert, is_lossless, null};
use crate::analyzer::coercion::widest_number;
use crate::analyzer::expression::{Expression, Literal, Node};
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::Scope;
use crate::analyzer::text_value::value_of_text;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::UserFunction;
use crate::type_system::SqlType;

/// Levels over which functions may call each other. None can call itself; this bounds what planning a
/// call costs.
pub const FUNCTION_DEPTH_MAX: usize = 16;

impl Lowering<'_> {
    pub(super) fn user_call(
        &self,
        function: &UserFunction,
        arguments: &[Expression],
        span: Span,
    ) -> Result<Typed, SqlError> {
        let typed = arguments.iter().map(|argument| self.lower(argument)).collect::<Result<Vec<_>, _>>()?;
        if typed.len() != function.parameters.len() {
            return Err(no_such_signature(function, &typed));
        }
        let mut given = Vec::with_capacity(typed.len());
        for ((argument, found), parameter) in arguments.iter().zip(&typed).zip(&function.parameters) {
            let expr = self
                .assign(argument, found, &parameter.data_type)?
                .ok_or_else(|| no_such_signature(function, &typed).at(argument.span))?;
            given.push(Typed::new(expr, parameter.data_type.clone()));
        }
        // A place in the body is none in the statement.
        let body = |error: SqlError| {
            let error = error.at(span);
            match error.detail {
                Some(_) => error,
                None => error.with_detail(format!("in the body of function {}", function.name)),
            }
        };
        let scope = parameter_scope(function, self.scope.function_depth).map_err(body)?;
        let resolver = Resolver { scope: &scope, clause: self.clause, lookup: self.lookup, variables: &[] };
        let expression = resolver.resolve(&function.expression).map_err(body)?;
        // What stands for the parameters is made of the columns around the call, whose types stay known.
        let scope = Scope { function_depth: scope.function_depth, ..self.scope.clone() };
        let mut substitutions = parameters(function, given.into_iter());
        substitutions.extend_from_slice(self.substitutions);
        let lowering = Lowering { scope: &scope, substitutions: &substitutions, ..*self };
        let result = lowering.lower(&expression).map_err(body)?;
        let expr = convert(result.expr, result.data_type.as_ref(), &function.returns, self.lookup)?;
        Ok(Typed::new(expr, function.returns.clone()))
    }

    /// The argument in a parameter's type: numbers become wider, and text that is written out is read as
    /// what is wanted. `None` where it does not fit.
    fn assign(
        &self,
        argument: &Expression,
        found: &Typed,
        wanted: &SqlType,
    ) -> Result<Option<Expr>, SqlError> {
        let Some(found_type) = &found.data_type else {
            return null(wanted).map(Some);
        };
        if let (Node::Literal(Literal::String(text)), false) = (&argument.node, *wanted == SqlType::String) {
            return Ok(value_of_text(text, wanted).map(|value| Expr::Literal(value, None)));
        }
        let fits = found_type == wanted
            || is_lossless(found_type, wanted)
            || widest_number(found_type, wanted).as_ref() == Some(wanted);
        if !fits {
            return Ok(None);
        }
        convert(found.expr.clone(), Some(found_type), wanted, self.lookup).map(Some)
    }
}

/// What the body of a function can refer to: its parameters, and nothing else. `depth` is that of the
/// place where it is called.
///
/// # Errors
/// Functions call each other over too many levels.
pub fn parameter_scope(function: &UserFunction, depth: usize) -> Result<Scope, SqlError> {
    if depth >= FUNCTION_DEPTH_MAX {
        let message = format!(
            "functions call each other over more than {FUNCTION_DEPTH_MAX} levels at {}",
            function.name
        );
        return Err(SqlError::too_complex(message));
    }
    let parameters = function.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    Ok(Scope { parameters, function_depth: depth + 1, ..Scope::default() })
}

/// What stands for the parameters of a function in its body.
pub fn parameters(function: &UserFunction, given: impl Iterator<Item = Typed>) -> Vec<Substitution> {
    let expression = |name: &str| Expression::new(Node::Computed(name.to_owned()), Span::empty());
    function
        .parameters
        .iter()
        .zip(given)
        .map(|(parameter, typed)| Substitution { expression: expression(&parameter.name), typed })
        .collect()
}

fn no_such_signature(function: &UserFunction, arguments: &[Typed]) -> SqlError {
    let found: Vec<String> =
        arguments.iter().map(|argument| type_text(argument.data_type.as_ref())).collect();
    SqlError::new(
        SqlErrorKind::UnknownFunction,
        format!(
            "Function '{}' does not accept parameters ({}).\nValid alternatives are:\n{}",
            function.name,
            found.join(", "),
            function.signature()
        ),
    )
}
