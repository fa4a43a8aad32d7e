//! Computed columns of a result that DataFusion would call like an earlier one: `n, CAST(n AS STRING)`, or
//! `COUNT(*)` twice. It refuses two columns of one name; here the later gets another, which nobody sees.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr};

/// Names such columns. What they are shown as is told apart from it.
pub(in crate::serving) fn rewrite(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let expands =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    // With an asterisk all columns are shown under the names they have.
    if select.projection.iter().any(expands) {
        return;
    }
    let mut taken: HashSet<String> = HashSet::new();
    for (index, item) in select.projection.iter_mut().enumerate() {
        let name = match item {
            SelectItem::UnnamedExpr(expr) => name_of(expr),
            SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
            _ => continue,
        };
        if taken.insert(name.to_lowercase()) {
            continue;
        }
        if let SelectItem::UnnamedExpr(expr) = item
            && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        {
            let alias = Ident::with_quote('"', format!("{name} [{index}]"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

/// What DataFusion calls an expression, or nearly so: a converted column is called like the column.
fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts.last().map_or_else(String::new, |name| name.value.clone()),
        Expr::Cast { expr, .. } | Expr::Nested(expr) => name_of(expr),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse_postgres;

    use super::*;

    #[test]
    fn only_a_computed_column_that_is_called_like_an_earlier_one_is_named() {
        for (text, expected) in [
            (
                "SELECT n, CAST(n AS TEXT), s.n, n + 1 FROM s",
                "SELECT n, CAST(n AS TEXT) AS \"n [1]\", s.n, n + 1 FROM s",
            ),
            ("SELECT COUNT(*), COUNT(*) FROM s", "SELECT COUNT(*), COUNT(*) AS \"COUNT(*) [1]\" FROM s"),
            ("SELECT *, CAST(n AS TEXT) FROM s", "SELECT *, CAST(n AS TEXT) FROM s"),
        ] {
            let mut query = parse_postgres(text).expect("a query");
            rewrite(&mut query);
            assert_eq!(query.to_string(), expected);
        }
    }
}
