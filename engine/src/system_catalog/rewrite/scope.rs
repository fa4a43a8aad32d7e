//! Which columns a FROM clause brings into sight.

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{
    Ident, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
};

use super::projection::shown_name;
use super::{folded, last_part};
use crate::system_catalog::tables::{self, SystemSchema};

/// Columns of a relation; `None` where they cannot be told.
pub(super) type Columns = Option<HashSet<String>>;

/// Columns of WITH queries by name.
pub(super) type CommonTables = HashMap<String, Columns>;

/// The relations of one FROM clause.
#[derive(Clone, Default, Debug)]
pub(super) struct Scope {
    relations: Vec<(String, Columns)>,
}

/// Whether a scope has a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sight {
    Yes,
    No,
    /// One of its relations has columns that cannot be told.
    Perhaps,
}

impl Scope {
    /// Of a SELECT.
    pub(super) fn of(select: &Select, common: &CommonTables) -> Scope {
        let mut scope = Scope::default();
        for from in &select.from {
            scope.add_joined(from, common);
        }
        scope
    }

    /// Whether an unqualified column is one of its relations'.
    pub(super) fn column(&self, column: &Ident) -> Sight {
        let name = folded(column);
        let mut sight = Sight::No;
        for (_, columns) in &self.relations {
            match columns {
                Some(columns) if columns.contains(&name) => return Sight::Yes,
                Some(_) => {}
                None => sight = Sight::Perhaps,
            }
        }
        sight
    }

    /// Whether it has a relation of this name.
    pub(super) fn relation(&self, relation: &Ident) -> bool {
        let name = folded(relation);
        self.relations.iter().any(|(known, _)| *known == name)
    }

    fn add_joined(&mut self, from: &TableWithJoins, common: &CommonTables) {
        self.add(&from.relation, common);
        for join in &from.joins {
            self.add(&join.relation, common);
        }
    }

    fn add(&mut self, factor: &TableFactor, common: &CommonTables) {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let Some(table) = last_part(name) else {
                    return;
                };
                let columns = table_columns(&table, name.0.len() == 1, common);
                self.relations.push(aliased(table, columns, alias.as_ref()));
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                let columns = result_columns(subquery, common);
                self.relations.push(aliased(String::new(), columns, Some(alias)));
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.add_joined(table_with_joins, common),
            TableFactor::UNNEST { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. } => {
                self.relations.push(aliased(String::new(), None, Some(alias)));
            }
            _ => self.relations.push((String::new(), None)),
        }
    }
}

/// The columns of a query's result.
pub(super) fn result_columns(query: &Query, common: &CommonTables) -> Columns {
    let mut common = common.clone();
    add_common_tables(query, &mut common);
    body_columns(&query.body, &common)
}

/// Adds a query's WITH clause.
pub(super) fn add_common_tables(query: &Query, common: &mut CommonTables) {
    for table in query.with.iter().flat_map(|with| &with.cte_tables) {
        // A recursive query sees itself; its columns are those of its first part.
        let columns = result_columns(&table.query, common);
        let (name, columns) = aliased(String::new(), columns, Some(&table.alias));
        common.insert(name, columns);
    }
}

fn body_columns(body: &SetExpr, common: &CommonTables) -> Columns {
    match body {
        SetExpr::Select(select) => {
            let mut columns = HashSet::new();
            for item in &select.projection {
                match item {
                    SelectItem::ExprWithAlias { alias, .. } => {
                        columns.insert(shown_name(&folded(alias)).to_owned());
                    }
                    SelectItem::UnnamedExpr(expr) => match expr {
                        datafusion::sql::sqlparser::ast::Expr::Identifier(column) => {
                            columns.insert(folded(column));
                        }
                        datafusion::sql::sqlparser::ast::Expr::CompoundIdentifier(parts) => {
                            columns.extend(parts.last().map(folded));
                        }
                        _ => {}
                    },
                    _ => {
                        for (_, all) in &Scope::of(select, common).relations {
                            columns.extend(all.clone()?);
                        }
                    }
                }
            }
            Some(columns)
        }
        SetExpr::Query(query) => result_columns(query, common),
        SetExpr::SetOperation { left, .. } => body_columns(left, common),
        _ => None,
    }
}

fn table_columns(table: &str, unqualified: bool, common: &CommonTables) -> Columns {
    if unqualified && let Some(columns) = common.get(table) {
        return columns.clone();
    }
    [SystemSchema::PgCatalog, SystemSchema::InformationSchema]
        .into_iter()
        .find_map(|schema| tables::find(schema, table))
        .map(|table| table.columns().iter().map(|column| column.name.to_owned()).collect())
}

/// A relation under its alias, which may name its columns too.
fn aliased(name: String, columns: Columns, alias: Option<&TableAlias>) -> (String, Columns) {
    match alias {
        None => (name, columns),
        Some(alias) if alias.columns.is_empty() => (folded(&alias.name), columns),
        Some(alias) => {
            let given = alias.columns.iter().map(|column| folded(&column.name)).collect();
            (folded(&alias.name), Some(given))
        }
    }
}
