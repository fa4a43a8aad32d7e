//! Names in a session of ksqlDB's dialect: upper-case unless they are quoted.
//!
//! DataFusion folds a name without quotes to lower case, as Postgres does. So each such name is written
//! in quotes, as it is stored, before DataFusion sees it. Names of functions have no case and stay as they
//! are.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, VisitMut, VisitorMut, WindowType,
};
use tidemill_sql::parser::identifier::stored_name;

/// Writes every name as it is stored.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut StoredNames);
}

struct StoredNames;

impl VisitorMut for StoredNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let common = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
        common.for_each(|table| alias(&mut table.alias));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => store(alias),
                SelectItem::ExprWithAliases { aliases, .. } => aliases.iter_mut().for_each(store),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    last_part(name);
                }
                SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) | SelectItem::UnnamedExpr(_) => {}
            }
        }
        select.named_window.iter_mut().for_each(|window| store(&mut window.0));
        select.from.iter_mut().for_each(|from| shared_columns(&mut from.joins));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias: shown, args, .. } => {
                if args.is_none() {
                    last_part(name);
                }
                shown.iter_mut().for_each(alias);
            }
            TableFactor::Derived { alias: shown, .. }
            | TableFactor::TableFunction { alias: shown, .. }
            | TableFactor::Function { alias: shown, .. }
            | TableFactor::UNNEST { alias: shown, .. } => shown.iter_mut().for_each(alias),
            TableFactor::NestedJoin { table_with_joins, alias: shown } => {
                shared_columns(&mut table_with_joins.joins);
                shown.iter_mut().for_each(alias);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => store(name),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().rev().take(2).for_each(store),
            Expr::Function(function) => match &mut function.over {
                Some(WindowType::NamedWindow(name)) => store(name),
                Some(WindowType::WindowSpec(window)) => window.window_name.iter_mut().for_each(store),
                None => {}
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn alias(alias: &mut TableAlias) {
    store(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| store(&mut column.name));
}

/// The columns of `USING`.
fn shared_columns(joins: &mut [Join]) {
    for join in joins {
        let (JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)) = &mut join.join_operator
        else {
            continue;
        };
        if let JoinConstraint::Using(columns) = constraint {
            columns.iter_mut().for_each(last_part);
        }
    }
}

/// What stands before the name of a relation, database and schema, has names of its own.
fn last_part(name: &mut ObjectName) {
    if let Some(ObjectNamePart::Identifier(name)) = name.0.last_mut() {
        store(name);
    }
}

fn store(name: &mut Ident) {
    name.value = stored_name(name);
    name.quote_style = Some('"');
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::parse_postgres;

    use super::*;

    fn rewritten(text: &str) -> String {
        let mut query = parse_postgres(text).expect("a query");
        rewrite(&mut query);
        query.to_string()
    }

    #[test]
    fn names_are_upper_case_unless_they_are_quoted_and_functions_stay() {
        let text = "WITH c (x) AS (SELECT a FROM public.s) \
                    SELECT count(*) AS n, c.*, `Mixed`, sum(x) OVER w FROM c JOIN t u USING (x) \
                    WHERE u.\"y\" > 1 WINDOW w AS (PARTITION BY x) ORDER BY n";
        assert_eq!(
            rewritten(text),
            "WITH \"C\" (\"X\") AS (SELECT \"A\" FROM public.\"S\") \
             SELECT count(*) AS \"N\", \"C\".*, \"Mixed\", sum(\"X\") OVER \"W\" FROM \"C\" JOIN \"T\" \"U\" USING(\"X\") \
             WHERE \"U\".\"y\" > 1 WINDOW \"W\" AS (PARTITION BY \"X\") ORDER BY \"N\""
        );
    }
}
