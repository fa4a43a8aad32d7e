//! Tables as their columns' declaration and rows of cells, turned into Arrow once.
//!
//! A declaration is a line like `oid oid, relname name, reloptions text[]?`; a question mark says that a
//! cell left out is null instead of zero, empty or false. Lists left out are always null. Rows name the
//! cells they give and leave the others out, as most of Postgres' columns have nothing to say here.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float32Builder, Int16Builder, Int32Builder, Int64Builder, ListBuilder,
    RecordBatch, RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::error::Result;

/// A value of a row.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Number(i64),
    Real(f32),
    Text(String),
    List(Vec<Cell>),
}

impl From<bool> for Cell {
    fn from(value: bool) -> Cell {
        Cell::Bool(value)
    }
}

impl From<u32> for Cell {
    fn from(value: u32) -> Cell {
        Cell::Number(i64::from(value))
    }
}

impl From<i32> for Cell {
    fn from(value: i32) -> Cell {
        Cell::Number(i64::from(value))
    }
}

impl From<i16> for Cell {
    fn from(value: i16) -> Cell {
        Cell::Number(i64::from(value))
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Cell {
        Cell::Number(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<f32> for Cell {
    fn from(value: f32) -> Cell {
        Cell::Real(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(value)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell::Null, Into::into)
    }
}

impl<T: Into<Cell>> From<Vec<T>> for Cell {
    fn from(values: Vec<T>) -> Cell {
        Cell::List(values.into_iter().map(Into::into).collect())
    }
}

/// The cells that a row gives, by column.
pub(super) type Row = HashMap<&'static str, Cell>;

/// A row of the cells given.
macro_rules! row {
    ($($name:ident: $value:expr),* $(,)?) => {
        $crate::system_catalog::rows::Row::from([
            $((stringify!($name), $crate::system_catalog::rows::Cell::from($value))),*
        ])
    };
}
pub(super) use row;

/// A column as declared.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct DeclaredColumn {
    pub(super) name: &'static str,
    /// Name of its Postgres type.
    pub(super) type_name: &'static str,
    nullable: bool,
}

impl DeclaredColumn {
    /// The Arrow type its values have.
    pub(super) fn data_type(&self) -> DataType {
        match self.type_name.strip_suffix("[]") {
            Some(element) => DataType::new_list(scalar_type(element), true),
            None => scalar_type(self.type_name),
        }
    }
}

/// Reads a declaration.
pub(super) fn declared(declaration: &'static str) -> Vec<DeclaredColumn> {
    declaration
        .split(',')
        .filter_map(|column| column.trim().split_once(' '))
        .map(|(name, type_name)| match type_name.trim().strip_suffix('?') {
            Some(type_name) => DeclaredColumn { name, type_name, nullable: true },
            None => DeclaredColumn { name, type_name: type_name.trim(), nullable: false },
        })
        .collect()
}

/// The schema of a declaration's columns.
pub(super) fn schema(columns: &[DeclaredColumn]) -> SchemaRef {
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(column.name, column.data_type(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// The rows as a batch.
pub(super) fn batch(columns: &[DeclaredColumn], rows: &[Row]) -> Result<RecordBatch> {
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|column| {
            let cells = rows.iter().map(|row| row.get(column.name).unwrap_or(&Cell::Null));
            let absent = if column.nullable { Cell::Null } else { zero(column.type_name) };
            let cells = cells.zip(rows).map(|(cell, row)| {
                // A null that was given stays null.
                if row.contains_key(column.name) { cell } else { &absent }
            });
            array(column.type_name, cells)
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(schema(columns), arrays, &options)?)
}

fn scalar_type(type_name: &str) -> DataType {
    match type_name {
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" => DataType::Int32,
        "int8" | "xid" => DataType::Int64,
        "oid" => DataType::UInt32,
        "float4" => DataType::Float32,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    }
}

fn zero(type_name: &str) -> Cell {
    match scalar_type(type_name) {
        _ if type_name.ends_with("[]") => Cell::Null,
        DataType::Boolean => Cell::Bool(false),
        DataType::Float32 => Cell::Real(0.0),
        DataType::Utf8 => Cell::Text(String::new()),
        DataType::Timestamp(..) => Cell::Null,
        _ => Cell::Number(0),
    }
}

fn array<'a>(type_name: &str, cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    macro_rules! numbers {
        ($builder:expr) => {{
            let mut builder = $builder;
            for cell in cells {
                builder.append_option(match cell {
                    Cell::Number(value) => (*value).try_into().ok(),
                    _ => None,
                });
            }
            Arc::new(builder.finish())
        }};
    }
    if let Some(element) = type_name.strip_suffix("[]") {
        return list(element, cells);
    }
    match scalar_type(type_name) {
        DataType::Boolean => {
            let mut builder = BooleanBuilder::new();
            for cell in cells {
                builder.append_option(if let Cell::Bool(value) = cell { Some(*value) } else { None });
            }
            Arc::new(builder.finish())
        }
        DataType::Float32 => {
            let mut builder = Float32Builder::new();
            for cell in cells {
                builder.append_option(if let Cell::Real(value) = cell { Some(*value) } else { None });
            }
            Arc::new(builder.finish())
        }
        DataType::Int16 => numbers!(Int16Builder::new()),
        DataType::Int32 => numbers!(Int32Builder::new()),
        DataType::Int64 => numbers!(Int64Builder::new()),
        DataType::UInt32 => numbers!(UInt32Builder::new()),
        DataType::Timestamp(..) => numbers!(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
        _ => {
            let mut builder = StringBuilder::new();
            for cell in cells {
                builder.append_option(if let Cell::Text(value) = cell { Some(value) } else { None });
            }
            Arc::new(builder.finish())
        }
    }
}

fn list<'a>(element: &str, cells: impl Iterator<Item = &'a Cell>) -> ArrayRef {
    macro_rules! lists {
        ($builder:expr, $pattern:pat => $value:expr) => {{
            let mut builder = ListBuilder::new($builder);
            for cell in cells {
                if let Cell::List(elements) = cell {
                    for element in elements {
                        builder.values().append_option(match element {
                            $pattern => $value,
                            _ => None,
                        });
                    }
                    builder.append(true);
                } else {
                    builder.append(false);
                }
            }
            Arc::new(builder.finish())
        }};
    }
    match scalar_type(element) {
        DataType::Int16 => lists!(Int16Builder::new(), Cell::Number(value) => (*value).try_into().ok()),
        DataType::UInt32 => lists!(UInt32Builder::new(), Cell::Number(value) => (*value).try_into().ok()),
        DataType::Float32 => lists!(Float32Builder::new(), Cell::Real(value) => Some(*value)),
        // Every other list in the catalogs is one of texts; the declarations are checked by a test.
        _ => lists!(StringBuilder::new(), Cell::Text(value) => Some(value)),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::UInt32Type;

    use super::*;

    #[test]
    fn cells_left_out_are_zero_or_null_as_declared() {
        let columns = declared("oid oid, name name, note text?, options text[]");
        let rows = [row! { oid: 7_u32 }, row! { name: "b", note: "n", options: vec!["x"], oid: Cell::Null }];
        let batch = batch(&columns, &rows).expect("is a batch");
        let oids = batch.column(0).as_primitive::<UInt32Type>();
        assert_eq!((oids.value(0), oids.is_null(1)), (7, true));
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "");
        assert!(batch.column(2).is_null(0));
        assert!(batch.column(3).is_null(0));
        assert_eq!(batch.column(3).as_list::<i32>().value(1).len(), 1);
    }
}
