//! An expression by itself, over named values.

use datafusion_common::Column;
use datafusion_expr::Expr;
use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::lower::{Lowering, Substitution, Typed};
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::Scope;
use crate::error::SqlError;
use crate::lookup::{Lookup, UserParameter};
use crate::type_system::SqlType;

/// Plans an expression that refers to parameters and to nothing else: an expression over columns of their
/// names and types, and the type of its value.
///
/// # Errors
/// Everything that is wrong with it.
pub fn plan_expression(
    expression: &Ast,
    parameters: &[UserParameter],
    lookup: &dyn Lookup,
) -> Result<(Expr, SqlType), SqlError> {
    let names = parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let scope = Scope { parameters: names, ..Scope::default() };
    let resolved =
        Resolver { scope: &scope, clause: Clause::Select, lookup, variables: &[] }.resolve(expression)?;
    let substitutions: Vec<Substitution> = parameters
        .iter()
        .map(|parameter| {
            let column = Expr::Column(Column::new_unqualified(&parameter.name));
            Substitution {
                expression: Expression::new(Node::Computed(parameter.name.clone()), Span::empty()),
                typed: Typed::new(column, parameter.data_type.clone()),
            }
        })
        .collect();
    let lowering = Lowering {
        scope: &scope,
        clause: Clause::Select,
        lookup,
        substitutions: &substitutions,
        variables: &[],
    };
    let typed = lowering.lower(&resolved)?;
    match typed.data_type {
        Some(data_type) => Ok((typed.expr, data_type)),
        None => Err(SqlError::type_error(format!("{resolved} is NULL and so has no type."))
            .at(resolved.span)
            .with_hint("write CAST(NULL AS type)")),
    }
}
