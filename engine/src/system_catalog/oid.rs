//! Object identifiers: the numbers by which the catalogs refer to each other.
//!
//! What exists in every Postgres has Postgres' number, because drivers know some by heart. Relations bring
//! their own; what belongs to a relation (its row type, its primary key) has a number derived from the
//! relation's, so that nothing but the relation's needs to be kept.

/// The schema of everything that belongs to the system.
pub(super) const PG_CATALOG: u32 = 11;
/// The schema of streams, tables and functions.
pub(super) const PUBLIC: u32 = 2200;
/// The schema of the SQL standard's views.
pub(super) const INFORMATION_SCHEMA: u32 = 13_000;

/// The user who asks, and owns everything.
pub(super) const OWNER: u32 = 10;
/// The database.
pub(super) const DATABASE: u32 = 5;
/// The default tablespace.
pub(super) const TABLESPACE: u32 = 1663;
/// The default collation.
pub(super) const DEFAULT_COLLATION: u32 = 100;
/// Language of functions that are built in.
pub(super) const INTERNAL_LANGUAGE: u32 = 12;

/// How streams are accessed, as `\dt+` shows it.
pub(super) const STREAM_ACCESS: u32 = 15_001;
/// How tables are accessed.
pub(super) const TABLE_ACCESS: u32 = 15_002;
/// How a table is accessed by its key.
pub(super) const KEY_ACCESS: u32 = 15_003;

/// Catalog tables that others refer to.
pub(super) const PG_TYPE: u32 = 1247;
pub(super) const PG_ATTRIBUTE: u32 = 1249;
pub(super) const PG_PROC: u32 = 1255;
pub(super) const PG_CLASS: u32 = 1259;
pub(super) const PG_NAMESPACE: u32 = 2615;

/// Number of the first catalog table without one of Postgres' own; the others follow.
pub(super) const FIRST_OTHER_TABLE: u32 = 13_100;

/// The least number a relation can have: below are the system's, as in Postgres.
pub const FIRST_RELATION_OID: u32 = 16_384;
/// The greatest number a relation can have: above are those derived from it. All stay below 2³¹, since
/// there are clients that keep them in signed numbers.
pub const LAST_RELATION_OID: u32 = 499_999_999;

const ROW_TYPE_DISTANCE: u32 = 500_000_000;
const KEY_INDEX_DISTANCE: u32 = 1_000_000_000;
const KEY_CONSTRAINT_DISTANCE: u32 = 1_500_000_000;
const FIRST_FUNCTION: u32 = 2_000_000_000;

/// The type of a relation's rows.
pub(super) fn row_type(relation: u32) -> u32 {
    relation.saturating_add(ROW_TYPE_DISTANCE)
}

/// The index of a table's primary key.
pub(super) fn key_index(relation: u32) -> u32 {
    relation.saturating_add(KEY_INDEX_DISTANCE)
}

/// The constraint of a table's primary key.
pub(super) fn key_constraint(relation: u32) -> u32 {
    relation.saturating_add(KEY_CONSTRAINT_DISTANCE)
}

/// A function, by its place in the list of all.
pub(super) fn function(index: usize) -> u32 {
    FIRST_FUNCTION.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
}

/// The place in the list of a function.
pub(super) fn function_index(oid: u32) -> Option<usize> {
    oid.checked_sub(FIRST_FUNCTION).and_then(|index| usize::try_from(index).ok())
}
