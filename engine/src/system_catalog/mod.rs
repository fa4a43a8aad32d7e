//! `pg_catalog` and `information_schema`: what Postgres' clients read to find out what there is.
//!
//! psql's backslash commands, drivers and BI tools ask in SQL, on Postgres' own tables, with all that
//! Postgres' SQL can do. [`CatalogQuery::read`] tells such queries from others; a [`SystemCatalog`],
//! made of a [`CatalogSnapshot`], runs them: the tables are made from the snapshot when they are read
//! ([`tables`]), the functions answer from it ([`functions`]), the query is rewritten into what DataFusion
//! plans ([`rewrite`]) and run by it.
//!
//! This room knows nothing of the rest of the engine: the snapshot says all there is to know. It reads
//! and never changes anything.

mod builtin;
mod definitions;
#[cfg(test)]
pub(crate) mod example;
mod functions;
mod knowledge;
mod oid;
mod planning;
mod postgres_type;
mod recognition;
mod rewrite;
mod rows;
mod schema_provider;
mod session_functions;
mod snapshot;
mod subquery_function;
mod system_query;
#[cfg(test)]
mod system_query_tests;
mod tables;

pub use oid::{FIRST_RELATION_OID, LAST_RELATION_OID};
pub use postgres_type::{type_modifier, type_oid};
pub use recognition::CatalogQuery;
pub use session_functions::session_functions;
pub use snapshot::{
    CatalogColumn, CatalogFunction, CatalogRelation, CatalogSetting, CatalogSnapshot, FunctionKind,
    FunctionType, RelationKind,
};
pub use system_query::SystemCatalog;
