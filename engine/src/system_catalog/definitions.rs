//! Definitions as SQL text, as Postgres' `pg_get_…def` functions give them.

use super::knowledge::quoted;
use super::snapshot::CatalogRelation;
use super::tables::relations::{key_columns, key_name};

/// The index of a table's primary key.
pub(super) fn key_index(relation: &CatalogRelation) -> String {
    format!(
        "CREATE UNIQUE INDEX {} ON public.{} USING key ({})",
        quoted(&key_name(relation)),
        quoted(&relation.name),
        key_list(relation)
    )
}

/// The constraint of a table's primary key.
pub(super) fn key_constraint(relation: &CatalogRelation) -> String {
    format!("PRIMARY KEY ({})", key_list(relation))
}

/// A column of a table's primary key, counted from 1.
pub(super) fn key_column(relation: &CatalogRelation, number: usize) -> Option<String> {
    let index = number.checked_sub(1)?;
    key_columns(relation).nth(index).map(|(_, column)| quoted(&column.name))
}

fn key_list(relation: &CatalogRelation) -> String {
    let columns: Vec<String> = key_columns(relation).map(|(_, column)| quoted(&column.name)).collect();
    columns.join(", ")
}
