//! The catalog's stored form: JSON records with a form of their own, so that what is stored does not
//! follow the program's types. Types of columns are stored as SQL text.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_sql::SqlError;
use tidemill_sql::lookup::{
    ColumnRole, FormatSpec, Source, SourceColumn, SourceKind, TimestampColumn, UserFunction, UserParameter,
    WindowKind,
};
use tidemill_sql::parser::{parse_expression, parse_type as parse_sql_type};
use tidemill_sql::type_system::SqlType;

use crate::catalog::CatalogSource;
use crate::error::{Error, ErrorKind, Result};
use crate::operators::aggregate::AggregatePolicy;

/// Classes of catalog records; part of their keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Class {
    /// Streams and tables.
    Source = 1,
    /// Persistent queries.
    Query = 2,
    /// Custom types.
    Type = 3,
    /// The counters.
    Sequence = 4,
    /// Functions made by CREATE FUNCTION.
    Function = 5,
    /// Changes of what earlier versions left, by name: each is made once.
    Upgrade = 6,
    /// Topics that a statement makes or deletes, until it has come to its end.
    UnfinishedTopic = 7,
}

/// A persistent query.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueryRecord {
    /// Its id, as people see it: `CSAS_X_1`.
    pub id: String,
    /// Its number, under which its state is stored.
    pub number: u64,
    /// Its producer id.
    pub producer: i64,
    /// The statement, as written.
    pub statement: String,
    /// Name of the source it fills.
    pub sink: String,
    /// Names of the sources it reads.
    pub sources: Vec<String>,
    /// The columns that those had when it was made: what has been added since is none of its affair. A query
    /// from before this was kept sees all columns.
    #[serde(default)]
    pub columns_seen: BTreeMap<String, Vec<String>>,
    /// It was told to wait.
    pub paused: bool,
    /// Where it begins in its sources: `earliest` or `latest`.
    pub start_at: String,
    /// Shards behind an exchange.
    pub shards: usize,
    /// Every update of a key is passed on.
    pub every_update: bool,
    /// What becomes of results where ksqlDB and this server differ.
    #[serde(flatten)]
    pub policy: AggregatePolicy,
    /// The form of its joins' state; see [`crate::physical::JOIN_STATE_VERSION`].
    #[serde(default)]
    pub join_state_version: u32,
    /// The session's ksqlDB settings as the query was made: it is planned with them whenever it starts.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// A custom type.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TypeRecord {
    /// Its name.
    pub name: String,
    /// What it stands for, as SQL text.
    pub data_type: String,
}

/// A function made by CREATE FUNCTION.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FunctionRecord {
    name: String,
    parameters: Vec<ParameterRecord>,
    returns: String,
    body: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct ParameterRecord {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

impl FunctionRecord {
    /// The stored form.
    #[must_use]
    pub fn from_function(function: &UserFunction) -> FunctionRecord {
        let parameter = |parameter: &UserParameter| ParameterRecord {
            name: parameter.name.clone(),
            data_type: parameter.data_type.to_string(),
        };
        FunctionRecord {
            name: function.name.clone(),
            parameters: function.parameters.iter().map(parameter).collect(),
            returns: function.returns.to_string(),
            body: function.body.clone(),
        }
    }

    /// The function it stands for.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn into_function(self) -> Result<UserFunction> {
        let damaged = |what: &str, error: SqlError| {
            let message = format!("the stored {what} of function {} is damaged: {error}", self.name);
            Error::new(ErrorKind::Corrupt, message)
        };
        let read = |text: &str| parse_sql_type(text).map_err(|error| damaged("type", error));
        let parameter = |parameter: &ParameterRecord| {
            Ok(UserParameter { name: parameter.name.clone(), data_type: read(&parameter.data_type)? })
        };
        Ok(UserFunction {
            parameters: self.parameters.iter().map(parameter).collect::<Result<_>>()?,
            returns: read(&self.returns)?,
            expression: parse_expression(&self.body).map_err(|error| damaged("body", error))?,
            body: self.body.clone(),
            name: self.name,
        })
    }
}

/// The counters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SequenceRecord {
    /// Oid of the next source.
    pub next_oid: u32,
    /// Number of the last query.
    pub next_query: u64,
}

/// A stream or table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceRecord {
    name: String,
    oid: u32,
    table: bool,
    columns: Vec<ColumnRecord>,
    topic: String,
    partitions: u32,
    key_format: FormatRecord,
    value_format: FormatRecord,
    window: Option<WindowRecord>,
    timestamp_column: Option<String>,
    timestamp_format: Option<String>,
    read_only: bool,
    statement: String,
    query: Option<String>,
    stored_rows: Option<u64>,
    created_ms: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct ColumnRecord {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    role: RoleRecord,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RoleRecord {
    Key,
    Value,
    Headers,
    Header(String),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct FormatRecord {
    name: String,
    properties: BTreeMap<String, String>,
    wrap_single: Option<bool>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WindowRecord {
    Tumbling { size_ms: i64 },
    Hopping { size_ms: i64, advance_ms: i64 },
    Session { gap_ms: i64 },
}

/// Reads a record.
///
/// # Errors
/// `Corrupt`.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::new(ErrorKind::Corrupt, format!("a catalog record is damaged: {error}")))
}

/// Writes a record.
///
/// # Errors
/// A bug only.
pub fn write<T: Serialize>(record: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(record)
        .map_err(|error| Error::internal(format!("a catalog record cannot be written: {error}")))
}

/// SQL text of a type.
///
/// # Errors
/// `Internal` for a type SQL has no name for.
pub fn print_type(data_type: &DataType) -> Result<String> {
    Ok(SqlType::from_arrow(data_type)?.to_string())
}

/// The type of a SQL text.
///
/// # Errors
/// `Corrupt`.
pub fn parse_type(text: &str) -> Result<DataType> {
    let parsed = parse_sql_type(text).and_then(|parsed| parsed.to_arrow());
    parsed.map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("the stored type '{text}' is damaged: {error}"))
    })
}

impl SourceRecord {
    /// The stored form.
    ///
    /// # Errors
    /// A bug only.
    pub fn from_source(catalog: &CatalogSource) -> Result<SourceRecord> {
        let source = catalog.source.as_ref();
        let columns = source
            .columns
            .iter()
            .map(|column| {
                Ok(ColumnRecord {
                    name: column.name.clone(),
                    data_type: print_type(&column.data_type)?,
                    role: match &column.role {
                        ColumnRole::Key => RoleRecord::Key,
                        ColumnRole::Value => RoleRecord::Value,
                        ColumnRole::Headers => RoleRecord::Headers,
                        ColumnRole::Header(name) => RoleRecord::Header(name.clone()),
                    },
                })
            })
            .collect::<Result<_>>()?;
        Ok(SourceRecord {
            name: source.name.clone(),
            oid: catalog.oid,
            table: source.kind == SourceKind::Table,
            columns,
            topic: source.topic.clone(),
            partitions: source.partitions,
            key_format: format_record(&source.key_format),
            value_format: format_record(&source.value_format),
            window: source.window.map(|window| match window {
                WindowKind::Tumbling { size_ms } => WindowRecord::Tumbling { size_ms },
                WindowKind::Hopping { size_ms, advance_ms } => WindowRecord::Hopping { size_ms, advance_ms },
                WindowKind::Session { gap_ms } => WindowRecord::Session { gap_ms },
            }),
            timestamp_column: source.timestamp.as_ref().map(|timestamp| timestamp.column.clone()),
            timestamp_format: source.timestamp.as_ref().and_then(|timestamp| timestamp.format.clone()),
            read_only: source.read_only,
            statement: catalog.statement.clone(),
            query: catalog.query.clone(),
            stored_rows: catalog.stored_rows,
            created_ms: catalog.created_ms,
        })
    }

    /// The source it stands for.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn into_source(self) -> Result<CatalogSource> {
        let columns = self
            .columns
            .into_iter()
            .map(|column| {
                Ok(SourceColumn {
                    data_type: parse_type(&column.data_type)?,
                    name: column.name,
                    role: match column.role {
                        RoleRecord::Key => ColumnRole::Key,
                        RoleRecord::Value => ColumnRole::Value,
                        RoleRecord::Headers => ColumnRole::Headers,
                        RoleRecord::Header(name) => ColumnRole::Header(name),
                    },
                })
            })
            .collect::<Result<_>>()?;
        let format = self.timestamp_format;
        let source = Source {
            name: self.name,
            kind: if self.table { SourceKind::Table } else { SourceKind::Stream },
            columns,
            topic: self.topic,
            partitions: self.partitions,
            key_format: format_spec(self.key_format),
            value_format: format_spec(self.value_format),
            window: self.window.map(|window| match window {
                WindowRecord::Tumbling { size_ms } => WindowKind::Tumbling { size_ms },
                WindowRecord::Hopping { size_ms, advance_ms } => WindowKind::Hopping { size_ms, advance_ms },
                WindowRecord::Session { gap_ms } => WindowKind::Session { gap_ms },
            }),
            timestamp: self.timestamp_column.map(|column| TimestampColumn { column, format }),
            read_only: self.read_only,
        };
        Ok(CatalogSource {
            source: Arc::new(source),
            oid: self.oid,
            statement: self.statement,
            query: self.query,
            stored_rows: self.stored_rows,
            created_ms: self.created_ms,
        })
    }
}

fn format_record(spec: &FormatSpec) -> FormatRecord {
    FormatRecord {
        name: spec.name.clone(),
        properties: spec.properties.clone(),
        wrap_single: spec.wrap_single,
    }
}

fn format_spec(record: FormatRecord) -> FormatSpec {
    FormatSpec { name: record.name, properties: record.properties, wrap_single: record.wrap_single }
}
