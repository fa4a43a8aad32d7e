//! Functions in FROM: `unnest(list) x`, `generate_series(1, n) s`, `pg_partition_ancestors(c) a`.
//!
//! Postgres takes any function there and names its column after the alias; DataFusion takes some. So each
//! becomes a derived table with the function as its column: `(SELECT f(…) AS x) AS x`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Query, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::{folded, is_unqualified_or_system, last_part};

/// Rewrites the functions in all FROM clauses.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut TableFunctions);
}

struct TableFunctions;

impl VisitorMut for TableFunctions {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let Some(replacement) = replacement(factor) {
            *factor = replacement;
        }
        ControlFlow::Continue(())
    }
}

fn replacement(factor: &TableFactor) -> Option<TableFactor> {
    let (name, arguments, alias, ordinality) = match factor {
        TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
            (name, args.args.iter().collect::<Vec<_>>(), alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (name, args.iter().collect(), alias, *with_ordinality)
        }
        TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } => {
            let [list] = array_exprs.as_slice() else {
                return None;
            };
            return derived(&format!("unnest({list})"), "unnest", alias.as_ref(), *with_ordinality);
        }
        _ => return None,
    };
    if !is_unqualified_or_system(name) {
        return None;
    }
    let arguments: Vec<String> = arguments.into_iter().filter_map(positional).map(Expr::to_string).collect();
    let function = last_part(name)?;
    let value = format!("{function}({})", arguments.join(", "));
    derived(&value, &function, alias.as_ref(), ordinality)
}

fn positional(argument: &FunctionArg) -> Option<&Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// `(SELECT value AS column) AS alias`.
fn derived(value: &str, function: &str, alias: Option<&TableAlias>, ordinality: bool) -> Option<TableFactor> {
    let table = alias.map_or_else(|| function.to_owned(), |alias| folded(&alias.name));
    let given: Vec<String> = alias
        .map(|alias| alias.columns.iter().map(|column| folded(&column.name)).collect())
        .unwrap_or_default();
    let column = given.first().cloned().unwrap_or_else(|| table.clone());
    let inner = format!("(SELECT {value} AS {})", quoted(&column));
    let text = if ordinality {
        let number = given.get(1).cloned().unwrap_or_else(|| "ordinality".to_owned());
        format!(
            "(SELECT {column}, row_number() OVER () AS {} FROM {inner} AS {table}) AS {table}",
            quoted(&number),
            column = quoted(&column),
            table = quoted(&table),
        )
    } else {
        format!("{inner} AS {}", quoted(&table))
    };
    let dialect = PostgreSqlDialect {};
    Parser::new(&dialect).try_with_sql(&text).ok()?.parse_table_factor().ok()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
