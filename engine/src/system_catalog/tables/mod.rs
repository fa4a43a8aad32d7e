//! The tables of `pg_catalog` and `information_schema`: their columns as in Postgres 15, and the rows
//! that make sense here. Most of Postgres' tables are about things that do not exist here and are empty;
//! they are declared all the same, because tools join with them.

mod absent;
mod access;
mod functions;
mod information_schema;
pub(super) mod relations;
pub(super) mod server;
mod types;

use super::oid;
use super::rows::{DeclaredColumn, Row, declared};
use super::snapshot::CatalogSnapshot;

/// In which schema a table is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SystemSchema {
    PgCatalog,
    InformationSchema,
}

impl SystemSchema {
    pub(super) fn name(self) -> &'static str {
        match self {
            SystemSchema::PgCatalog => "pg_catalog",
            SystemSchema::InformationSchema => "information_schema",
        }
    }

    pub(super) fn oid(self) -> u32 {
        match self {
            SystemSchema::PgCatalog => oid::PG_CATALOG,
            SystemSchema::InformationSchema => oid::INFORMATION_SCHEMA,
        }
    }
}

/// A table of the system.
pub(super) struct SystemTable {
    pub(super) schema: SystemSchema,
    pub(super) name: &'static str,
    declaration: &'static str,
    rows: fn(&CatalogSnapshot) -> Vec<Row>,
}

impl SystemTable {
    /// Its columns.
    pub(super) fn columns(&self) -> Vec<DeclaredColumn> {
        declared(self.declaration)
    }

    /// Its rows now.
    pub(super) fn rows(&self, snapshot: &CatalogSnapshot) -> Vec<Row> {
        (self.rows)(snapshot)
    }
}

const fn pg(
    name: &'static str,
    declaration: &'static str,
    rows: fn(&CatalogSnapshot) -> Vec<Row>,
) -> SystemTable {
    SystemTable { schema: SystemSchema::PgCatalog, name, declaration, rows }
}

const fn standard(
    name: &'static str,
    declaration: &'static str,
    rows: fn(&CatalogSnapshot) -> Vec<Row>,
) -> SystemTable {
    SystemTable { schema: SystemSchema::InformationSchema, name, declaration, rows }
}

/// The rows of a table about what does not exist here.
fn none(_: &CatalogSnapshot) -> Vec<Row> {
    Vec::new()
}

/// All tables of the system.
pub(super) fn all() -> impl Iterator<Item = &'static SystemTable> {
    relations::TABLES
        .iter()
        .chain(types::TABLES)
        .chain(functions::TABLES)
        .chain(access::TABLES)
        .chain(server::TABLES)
        .chain(absent::TABLES)
        .chain(information_schema::TABLES)
}

/// A table of the system by its schema and name.
pub(super) fn find(schema: SystemSchema, name: &str) -> Option<&'static SystemTable> {
    all().find(|table| table.schema == schema && table.name == name)
}

/// All tables of the system with their numbers: Postgres' own for those that drivers know by heart.
pub(super) fn numbered() -> impl Iterator<Item = (u32, &'static SystemTable)> {
    all().zip(oid::FIRST_OTHER_TABLE..).map(|(table, other)| {
        let number = match (table.schema, table.name) {
            (SystemSchema::PgCatalog, "pg_type") => oid::PG_TYPE,
            (SystemSchema::PgCatalog, "pg_attribute") => oid::PG_ATTRIBUTE,
            (SystemSchema::PgCatalog, "pg_proc") => oid::PG_PROC,
            (SystemSchema::PgCatalog, "pg_class") => oid::PG_CLASS,
            (SystemSchema::PgCatalog, "pg_namespace") => oid::PG_NAMESPACE,
            (SystemSchema::PgCatalog, "pg_database") => 1262,
            (SystemSchema::PgCatalog, "pg_constraint") => 2606,
            (SystemSchema::PgCatalog, "pg_description") => 2609,
            (SystemSchema::PgCatalog, "pg_index") => 2610,
            (SystemSchema::PgCatalog, "pg_extension") => 3079,
            _ => other,
        };
        (number, table)
    })
}

/// The number of a table of the system.
pub(super) fn oid_of(schema: SystemSchema, name: &str) -> Option<u32> {
    numbered().find(|(_, table)| table.schema == schema && table.name == name).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KNOWN_TYPES: [&str; 15] = [
        "bool",
        "char",
        "float4",
        "int2",
        "int4",
        "int8",
        "name",
        "oid",
        "text",
        "timestamptz",
        "xid",
        "int2[]",
        "oid[]",
        "text[]",
        "float4[]",
    ];

    #[test]
    fn every_declared_type_is_one_that_rows_can_have() {
        for table in all() {
            for column in table.columns() {
                let known = KNOWN_TYPES.contains(&column.type_name);
                assert!(known, "{}.{}: {}", table.name, column.name, column.type_name);
            }
        }
    }

    #[test]
    fn tables_and_their_numbers_are_distinct() {
        let names: HashSet<_> = all().map(|table| (table.schema.name(), table.name)).collect();
        assert_eq!(names.len(), all().count());
        let numbers: HashSet<_> = numbered().map(|(number, _)| number).collect();
        assert_eq!(numbers.len(), all().count());
    }

    #[test]
    fn rows_give_only_cells_of_declared_columns() {
        let snapshot = crate::system_catalog::example::snapshot();
        for table in all() {
            let columns: HashSet<_> = table.columns().iter().map(|column| column.name).collect();
            for row in table.rows(&snapshot) {
                for name in row.keys() {
                    assert!(columns.contains(name), "{}.{name}", table.name);
                }
            }
        }
    }
}
