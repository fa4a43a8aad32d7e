//! What the columns of a SELECT over what is there now are called where nothing is said: as in Postgres
//! (`FigureColname` in its parser), since drivers and reports address columns by such names. What Postgres
//! has no name for is called as in continuous queries where it comes from a stream or table.

use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Query, SelectItem, SetExpr};

use crate::names;
use crate::session::Dialect;

/// What Postgres calls an expression it has no name for.
const UNNAMED: &str = "?column?";

/// What makes rows of a list, under its own name and those of ksqlDB's table functions.
const UNNEST: &str = "unnest";

/// The names that the select list gives; `None` for a column that keeps the name it has, and for all
/// where it is not told apart item by item.
pub(super) fn given(query: &Query, columns: usize, dialect: Dialect) -> Vec<Option<String>> {
    let mut body = query.body.as_ref();
    // The first SELECT of a UNION names the columns of all.
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let (items, reads) = match body {
        SetExpr::Select(select) => (select.projection.as_slice(), !select.from.is_empty()),
        SetExpr::Query(inner) => return given(inner, columns, dialect),
        _ => (&[][..], false),
    };
    let mut computed = 0;
    let given: Vec<Option<String>> = items
        .iter()
        .map(|item| {
            let name = of_item(item)?;
            let number = computed;
            computed += 1;
            let has_none = reads && [UNNAMED, UNNEST].contains(&name.as_str());
            Some(if has_none { names::shown(dialect, &format!("KSQL_COL_{number}")) } else { name })
        })
        .collect();
    let expands =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if items.iter().any(expands) || given.len() != columns { vec![None; columns] } else { given }
}

fn of_item(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => None,
        SelectItem::UnnamedExpr(expression) => {
            Some(of_expression(expression).unwrap_or_else(|| UNNAMED.to_owned()))
        }
        _ => None,
    }
}

fn of_expression(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.clone()),
        Expr::Function(function) => last_part(&function.name),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => of_expression(inner),
        Expr::Cast { expr, data_type, .. } => {
            of_expression(expr).or_else(|| Some(data_type.to_string().to_lowercase()))
        }
        Expr::Case { else_result, .. } => {
            let named = else_result.as_deref().and_then(of_expression);
            Some(named.unwrap_or_else(|| "case".to_owned()))
        }
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::ExprWithAlias { alias, .. }] => Some(alias.value.clone()),
                [SelectItem::UnnamedExpr(expression)] => of_expression(expression),
                _ => None,
            },
            _ => None,
        },
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        _ => None,
    }
}

fn last_part(name: &ObjectName) -> Option<String> {
    Some(name.0.last()?.as_ident()?.value.to_lowercase())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn names(text: &str, columns: usize) -> Vec<String> {
        let parsed = Parser::parse_sql(&PostgreSqlDialect {}, text).expect("it is SQL").remove(0);
        let Statement::Query(query) = parsed else { panic!("not a query: {text}") };
        given(&query, columns, Dialect::Postgres)
            .into_iter()
            .map(|name| name.unwrap_or_else(|| "-".to_owned()))
            .collect()
    }

    #[test]
    fn expressions_are_called_as_in_postgres() {
        let text = "SELECT a, t.b, 1, a + 1, COUNT(*), sum(x) OVER (ORDER BY y), a::int, 1::int, \
                    CASE WHEN a THEN 1 END, (SELECT max(z) FROM u), 2 AS two FROM t";
        let expected = ["-", "-", "ksql_col_0", "ksql_col_1", "count", "sum", "a", "int", "case", "max", "-"];
        assert_eq!(names(text, 11), expected);
        assert_eq!(names("SELECT count(*) FROM a UNION SELECT b FROM c", 1), ["count"]);
        assert_eq!(names("SELECT unnest(list), list[1] FROM a", 2), ["ksql_col_0", "ksql_col_1"]);
        assert_eq!(names("SELECT 1, unnest(ARRAY[1, 2])", 2), ["?column?", "unnest"]);
    }

    #[test]
    fn a_star_leaves_all_names_as_they_are() {
        assert_eq!(names("SELECT *, count(*) FROM t", 3), ["-", "-", "-"]);
    }
}
