//! Postgres' SQL, as clients use it on the catalogs, in the words that DataFusion plans.
//!
//! The steps work on the syntax tree, each a file: casts to types and names ([`casts`]), operators and
//! function names ([`operators`]), functions that stand for tables ([`table_functions`]), hidden columns
//! ([`hidden_columns`]), names of result columns ([`projection`]). What needs values of the outer query,
//! subqueries that depend on it, is not rewritten but evaluated: see [`subqueries`].

mod casts;
mod hidden_columns;
mod operators;
mod projection;
mod scope;
mod subqueries;
mod table_functions;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Query, VisitMut, VisitorMut,
};

pub(super) use projection::shown_name;
pub(super) use subqueries::{Subquery, SubqueryKind, outer_name, subquery_name, take_subqueries};

/// Rewrites a query, all but its dependent subqueries.
pub(super) fn rewrite(query: &mut Query) {
    casts::show_names(query);
    projection::name_columns(query);
    hidden_columns::resolve(query);
    table_functions::rewrite(query);
    let _ = query.visit(&mut Expressions);
}

/// Goes through all expressions, from the leaves up.
struct Expressions;

impl VisitorMut for Expressions {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        operators::rewrite(expr);
        casts::rewrite(expr);
        ControlFlow::Continue(())
    }
}

/// A call of a function without arguments.
pub(super) fn constant_call(name: &str) -> Expr {
    call(name, Vec::new())
}

/// A call of a function.
fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::new(name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The last part of a name, folded to lower case where it was not quoted.
fn last_part(name: &ObjectName) -> Option<String> {
    let ident = name.0.last()?.as_ident()?;
    Some(folded(ident))
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Whether a name is in the schema of the system's functions and types, or in none.
fn is_unqualified_or_system(name: &ObjectName) -> bool {
    match name.0.as_slice() {
        [_] => true,
        [.., schema, _] => schema
            .as_ident()
            .is_some_and(|schema| matches!(folded(schema).as_str(), "pg_catalog" | "information_schema")),
        [] => false,
    }
}
