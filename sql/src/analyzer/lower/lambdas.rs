//! Calls of functions that take lambdas.
//!
//! The body of a lambda becomes an expression over columns of its own: one for each of its variables, and
//! one for each column of the row that it names. The call becomes a call of a function of plain values:
//! the arguments that are values, then the columns that the lambdas name.

use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Column, DataFusionError};
use datafusion_expr::Expr;

use super::{LambdaVariable, Lowering, Typed};
use crate::analyzer::cast::{call, convert, null};
use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::resolve::unknown_function;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{CallArgument, Lambda};
use crate::type_system::SqlType;

impl Lowering<'_> {
    pub(super) fn lambda_call(
        &self,
        expression: &Expression,
        name: &str,
        arguments: &[Expression],
    ) -> Result<Typed, SqlError> {
        let Some(function) = self.lookup.lambda_function(name) else {
            if self.lookup.scalar_function(name).is_none() {
                return Err(unknown_function(name, self.lookup).at(expression.span));
            }
            let lambda = arguments.iter().find(|argument| matches!(argument.node, Node::Lambda { .. }));
            return Err(misplaced(lambda.unwrap_or(expression)));
        };
        let refused = |message: String| {
            SqlError::new(SqlErrorKind::UnknownFunction, message)
                .at(expression.span)
                .with_hint(format!("DESCRIBE FUNCTION {name} shows what it takes"))
        };
        let mut values = Vec::new();
        let mut described = Vec::with_capacity(arguments.len());
        for argument in arguments {
            described.push(match &argument.node {
                Node::Lambda { variables, .. } => CallArgument::Lambda(variables.len()),
                _ => {
                    let typed = self.lower(argument)?;
                    let shown = typed.data_type.clone().map_or(CallArgument::Null, CallArgument::Value);
                    values.push(typed);
                    shown
                }
            });
        }
        let mut lambdas: Vec<Lambda> = Vec::new();
        for argument in arguments {
            let Node::Lambda { variables, body } = &argument.node else { continue };
            let results: Vec<SqlType> = lambdas.iter().map(|lambda| lambda.result.clone()).collect();
            let types = function.variable_types(&described, &results).map_err(refused)?;
            lambdas.push(self.lambda(variables, types, body)?);
        }
        let beginning = widened_beginning(arguments, &described, &lambdas);
        let bound = function.bind(&described, lambdas).map_err(|message| match beginning {
            Some(widened) => refused(message).with_hint(format!("begin with {widened}")),
            None => refused(message),
        })?;
        let mut passed = values
            .into_iter()
            .zip(&bound.passed)
            .map(|(typed, passed)| match passed {
                Some(passed) => convert(typed.expr, typed.data_type.as_ref(), passed, self.lookup),
                None => Ok(typed.expr),
            })
            .collect::<Result<Vec<Expr>, SqlError>>()?;
        passed.extend(bound.captured.into_iter().flatten());
        Ok(Typed::new(call(bound.function, passed), bound.result))
    }

    pub(super) fn variable(&self, name: &str) -> Result<Typed, SqlError> {
        let variable = self
            .variables
            .iter()
            .find(|variable| variable.name == name)
            .ok_or_else(|| SqlError::internal(format!("no variable {name}")))?;
        let column = Expr::Column(Column::new_unqualified(&variable.column));
        Ok(Typed::new(column, variable.data_type.clone()))
    }

    fn lambda(
        &self,
        variables: &[String],
        types: Vec<SqlType>,
        body: &Expression,
    ) -> Result<Lambda, SqlError> {
        // Numbered from outside, so that no two lambdas inside each other have a column in common.
        let first = self.variables.len();
        let own: Vec<LambdaVariable> = variables
            .iter()
            .zip(types)
            .enumerate()
            .map(|(index, (name, data_type))| LambdaVariable {
                name: name.clone(),
                column: format!("variable {}", first + index),
                data_type,
            })
            .collect();
        let visible: Vec<LambdaVariable> = own.iter().chain(self.variables).cloned().collect();
        let lowered = Lowering { variables: &visible, ..*self }.lower(body)?;
        let (body, result) = match lowered.data_type {
            Some(data_type) => (lowered.expr, data_type),
            // NULL alone could have any type.
            None => (null(&SqlType::String)?, SqlType::String),
        };
        let mut captured: Vec<(String, SqlType)> = Vec::new();
        let mut taken: Vec<Column> = Vec::new();
        let body = body
            .transform(|part| match part {
                Expr::Column(column) if !own.iter().any(|variable| is(&column, variable)) => {
                    let index = match taken.iter().position(|other| *other == column) {
                        Some(index) => index,
                        None => {
                            let data_type = self.captured_type(&column)?;
                            captured.push((format!("captured {}", taken.len()), data_type));
                            taken.push(column);
                            taken.len() - 1
                        }
                    };
                    let column = Column::new_unqualified(format!("captured {index}"));
                    Ok(Transformed::yes(Expr::Column(column)))
                }
                other => Ok(Transformed::no(other)),
            })
            .map_err(|error| SqlError::internal(error.to_string()))?
            .data;
        Ok(Lambda {
            variables: own.into_iter().map(|variable| (variable.column, variable.data_type)).collect(),
            captured,
            arguments: taken.into_iter().map(Expr::Column).collect(),
            body,
            result,
        })
    }

    /// The type of a column that a lambda names: a variable of a lambda around it, something computed
    /// before, or a column of a source.
    fn captured_type(&self, column: &Column) -> Result<SqlType, DataFusionError> {
        if let Some(variable) = self.variables.iter().find(|variable| is(column, variable)) {
            return Ok(variable.data_type.clone());
        }
        let computed = self.substitutions.iter().find_map(|substitution| match &substitution.typed.expr {
            Expr::Column(other) if other == column => substitution.typed.data_type.clone(),
            _ => None,
        });
        let of_source = || {
            let source = column.relation.as_ref()?.table();
            self.scope.column_type(&self.scope.reference(source, &column.name)).ok()
        };
        computed
            .or_else(of_source)
            .ok_or_else(|| DataFusionError::Internal(format!("no type of {column} in a lambda")))
    }
}

/// The number that a call begins with, as a lambda of it would need it: one that gives another type of
/// number than it began with does not fit.
fn widened_beginning(
    arguments: &[Expression],
    described: &[CallArgument],
    lambdas: &[Lambda],
) -> Option<String> {
    arguments.iter().zip(described).find_map(|(argument, described)| {
        let CallArgument::Value(given) = described else { return None };
        let is_number = matches!(argument.node, Node::Literal(_)) && given.is_numeric();
        let wanted = lambdas.iter().map(|lambda| &lambda.result).find(|result| result.is_numeric())?;
        (is_number && wanted != given).then(|| format!("CAST({argument} AS {wanted})"))
    })
}

/// Whether a column stands for a variable.
fn is(column: &Column, variable: &LambdaVariable) -> bool {
    column.relation.is_none() && column.name == variable.column
}

/// The error for a lambda that is no argument of a function that takes one.
pub(super) fn misplaced(lambda: &Expression) -> SqlError {
    SqlError::type_error("A lambda can only be an argument of a function that takes one.")
        .at(lambda.span)
        .with_hint("TRANSFORM, FILTER and REDUCE take lambdas")
}
