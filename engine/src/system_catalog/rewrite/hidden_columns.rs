//! Columns that every Postgres table has without showing them: `tableoid` becomes the table's number.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, TableFactor, Value, VisitMut, VisitorMut};

use super::{folded, last_part};
use crate::system_catalog::tables::{self, SystemSchema};

/// Replaces the hidden columns of system tables.
pub(super) fn resolve(query: &mut Query) {
    let _ = query.visit(&mut HiddenColumns { tables: Vec::new() });
}

/// The system tables of the SELECTs around an expression, by the names they have there.
struct HiddenColumns {
    tables: Vec<Vec<(String, u32)>>,
}

impl VisitorMut for HiddenColumns {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let factors = select.from.iter().flat_map(|from| {
            std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
        });
        self.tables.push(factors.filter_map(named_table).collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.tables.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let number = match expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, column] if folded(column) == "tableoid" => {
                    let table = folded(table);
                    self.tables
                        .iter()
                        .rev()
                        .flatten()
                        .find(|(name, _)| *name == table)
                        .map(|(_, number)| *number)
                }
                _ => None,
            },
            Expr::Identifier(column) if folded(column) == "tableoid" => {
                self.tables.last().and_then(|tables| tables.first()).map(|(_, number)| *number)
            }
            _ => None,
        };
        if let Some(number) = number {
            *expr = Expr::value(Value::Number(number.to_string(), false));
        }
        ControlFlow::Continue(())
    }
}

fn named_table(factor: &TableFactor) -> Option<(String, u32)> {
    let TableFactor::Table { name, alias, args: None, .. } = factor else {
        return None;
    };
    let table = last_part(name)?;
    let number = tables::oid_of(SystemSchema::PgCatalog, &table)?;
    Some((alias.as_ref().map_or(table, |alias| folded(&alias.name)), number))
}
