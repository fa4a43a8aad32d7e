//! What the system catalogs tell about, handed over by whoever knows it.

use arrow::datatypes::DataType;

/// The state of the world at the moment a statement reads the catalogs.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogSnapshot {
    /// Name of the database, as the client gave it.
    pub database: String,
    /// Name of the user, as the client gave it; the owner of everything.
    pub user: String,
    /// Number of the client's connection (`pg_backend_pid()`).
    pub backend_id: i32,
    /// Streams and tables.
    pub relations: Vec<CatalogRelation>,
    /// Functions of the SQL dialect.
    pub functions: Vec<CatalogFunction>,
    /// Settings of the session, by the names shown.
    pub settings: Vec<CatalogSetting>,
}

/// Stream or table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelationKind {
    /// A stream.
    Stream,
    /// A table.
    Table,
}

/// A stream or table.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogRelation {
    /// Its number: the same for as long as the relation exists, restarts included, and never given
    /// again. From [`FIRST_RELATION_OID`](super::FIRST_RELATION_OID) up to
    /// [`LAST_RELATION_OID`](super::LAST_RELATION_OID).
    pub oid: u32,
    /// Its name, as the session shows it.
    pub name: String,
    /// Stream or table.
    pub kind: RelationKind,
    /// Its columns in order.
    pub columns: Vec<CatalogColumn>,
    /// A sentence about it: its topic, its formats, the query that fills it.
    pub comment: Option<String>,
}

/// A column of a relation.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogColumn {
    /// Its name, as the session shows it.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it belongs to the key. A table's key columns are its primary key.
    pub is_key: bool,
    /// A sentence about it.
    pub comment: Option<String>,
}

/// What a function is called as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FunctionKind {
    /// One value for each row.
    Scalar,
    /// One value for many rows.
    Aggregate,
    /// Rows for each row.
    Table,
}

/// Type of an argument or a result.
#[derive(Clone, PartialEq, Debug)]
pub enum FunctionType {
    /// This type.
    Of(DataType),
    /// Any type; the same wherever a function says so.
    Any,
    /// An array of that type.
    ArrayOfAny,
}

/// A function of the SQL dialect, one entry for each signature.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogFunction {
    /// Its name, as the session shows it.
    pub name: String,
    /// Names and types of its arguments.
    pub arguments: Vec<(String, FunctionType)>,
    /// Type of its result.
    pub result: FunctionType,
    /// What it is called as.
    pub kind: FunctionKind,
    /// A sentence about it.
    pub comment: Option<String>,
}

/// A setting.
#[derive(Clone, PartialEq, Debug)]
pub struct CatalogSetting {
    /// Its name.
    pub name: String,
    /// Its value in this session.
    pub value: String,
    /// A sentence about it.
    pub description: String,
}
