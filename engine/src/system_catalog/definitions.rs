//! Definitions as SQL text, as Postgres' `pg_get_…def` functions give them.

use super::knowledge::quoted;
use super::postgres_type::{function_type_oid, sql_name};
use super::snapshot::{CatalogFunction, CatalogRelation, FunctionType};
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

/// A function, without its body.
pub(super) fn function(function: &CatalogFunction) -> String {
    let (arguments, result) = (function_arguments(function), function_type(&function.result));
    format!("FUNCTION {}({arguments}) RETURNS {result}", quoted(&function.name))
}

/// The arguments of a function: `value anyelement, k integer`.
pub(super) fn function_arguments(function: &CatalogFunction) -> String {
    let arguments = function.arguments.iter();
    let arguments: Vec<String> =
        arguments.map(|(name, data_type)| format!("{} {}", quoted(name), function_type(data_type))).collect();
    arguments.join(", ")
}

/// The type of an argument or result. Precision and scale belong to no function, as in Postgres.
pub(super) fn function_type(function_type: &FunctionType) -> String {
    sql_name(function_type_oid(function_type), -1).unwrap_or_else(|| "jsonb".to_owned())
}
