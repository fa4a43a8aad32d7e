//! How columns become values of a schema: made once, then followed for every row.

use std::str::FromStr;

use arrow::datatypes::{DataType, Fields, TimeUnit, i256};

use super::bytes::{write_bytes, write_length, write_long};
use super::schema::{AvroSchema, AvroType, Kind, Logical, RecordField, TypeId};
use super::{decimal, default, names};
use crate::formats::column_values::{ColumnValues, entries};
use crate::formats::scalar_values::ScalarValues;
use crate::formats::sql_type::type_name;

/// How the values of a column are written as values of a type.
pub(super) enum Writer {
    Boolean,
    /// A number of 32 or 64 bits: they are written alike.
    Whole,
    Float,
    Double,
    String,
    Bytes,
    Fixed(usize),
    Enum(Vec<String>),
    /// Of a map's key: what its text stands for.
    KeyInt,
    KeyLong,
    KeyBoolean,
    Decimal {
        scale: i8,
        precision: u8,
        bytes: Option<usize>,
    },
    /// A union of one type with null, or without: the bytes that tell which of the two comes.
    Optional {
        null: Option<Vec<u8>>,
        value: Vec<u8>,
        writer: Box<Writer>,
    },
    Array(Box<Writer>),
    Map(Box<Writer>),
    /// A map as an array of its entries.
    Entries {
        key: Box<Writer>,
        value: Box<Writer>,
        key_first: bool,
    },
    Record(Vec<FieldWriter>),
    /// A STRUCT that stands for a union: the field that is not null is the branch that is written.
    Union {
        null: Option<Vec<u8>>,
        branches: Vec<Branch>,
    },
}

/// How a field of a record is written.
pub(super) enum FieldWriter {
    /// As the value of a column.
    Column {
        column: usize,
        name: String,
        writer: Writer,
        /// What is written for null, where the type does not have it.
        default: Option<Vec<u8>>,
    },
    /// As the same bytes in every row: no column has it.
    Constant(Vec<u8>),
}

/// A branch of a union.
pub(super) struct Branch {
    /// Which one it is.
    number: Vec<u8>,
    column: usize,
    writer: Writer,
}

impl Writer {
    /// How columns of a type are written as values of another.
    ///
    /// # Errors
    /// A reason for people: they cannot.
    pub(super) fn new(schema: &AvroSchema, id: TypeId, column: &DataType) -> Result<Writer, String> {
        let data_type = schema.get(id);
        let mismatch =
            || Err(format!("{} cannot be written as Avro's {}", type_name(column), data_type.kind.name()));
        Ok(match (&data_type.kind, column) {
            (Kind::Union { branches }, _) => return Writer::of_union(schema, id, branches, column),
            (Kind::Array { items }, DataType::List(field)) => {
                Writer::Array(Box::new(Writer::new(schema, *items, field.data_type())?))
            }
            (Kind::Map { .. } | Kind::Array { .. }, DataType::Map(map, _)) => {
                let DataType::Struct(parts) = map.data_type() else { return mismatch() };
                let [key, value] = parts.as_ref() else { return mismatch() };
                match &data_type.kind {
                    Kind::Map { values } => {
                        Writer::Map(Box::new(Writer::new(schema, *values, value.data_type())?))
                    }
                    Kind::Array { items } => {
                        let Some(entry) = schema.entry_fields(*items) else { return mismatch() };
                        Writer::Entries {
                            key: Box::new(Writer::of_key(schema, entry.key, key.data_type())?),
                            value: Box::new(Writer::new(schema, entry.value, value.data_type())?),
                            key_first: entry.key_first,
                        }
                    }
                    _ => return mismatch(),
                }
            }
            (Kind::Record { .. }, DataType::Struct(fields)) => Writer::Record(record(schema, id, fields)?),
            _ => match scalar(data_type, column) {
                Some(writer) => writer,
                None => return mismatch(),
            },
        })
    }

    /// How the keys of a MAP are written: as the text they are, or as what it stands for.
    fn of_key(schema: &AvroSchema, id: TypeId, column: &DataType) -> Result<Writer, String> {
        let (key, native) = match schema.get(schema.non_null(id)).kind {
            Kind::Int => (Writer::KeyInt, DataType::Int32),
            Kind::Long => (Writer::KeyLong, DataType::Int64),
            Kind::Boolean => (Writer::KeyBoolean, DataType::Boolean),
            _ => return Writer::new(schema, id, column),
        };
        Ok(match Writer::new(schema, id, &native)? {
            Writer::Optional { null, value, .. } => Writer::Optional { null, value, writer: Box::new(key) },
            _ => key,
        })
    }

    fn of_union(
        schema: &AvroSchema,
        id: TypeId,
        branches: &[TypeId],
        column: &DataType,
    ) -> Result<Writer, String> {
        let number = |branch: usize| {
            let mut bytes = Vec::new();
            write_length(branch, &mut bytes);
            bytes
        };
        let null =
            branches.iter().position(|branch| matches!(schema.get(*branch).kind, Kind::Null)).map(number);
        if let Some(only) = schema.only_branch(id) {
            let value = number(branches.iter().position(|branch| *branch == only).unwrap_or(0));
            let writer = Box::new(Writer::new(schema, only, column)?);
            return Ok(Writer::Optional { null, value, writer });
        }
        let DataType::Struct(fields) = column else {
            return Err(format!("{} cannot be written as a union of several types", type_name(column)));
        };
        let mut written = Vec::with_capacity(fields.len());
        for (column, field) in fields.iter().enumerate() {
            let branch = branches
                .iter()
                .position(|branch| names::are_same(&schema.branch_name(*branch), field.name()));
            let branch = branch.ok_or_else(|| format!("the union has no branch '{}'", field.name()))?;
            let writer = Writer::new(schema, branches[branch], field.data_type())?;
            written.push(Branch { number: number(branch), column, writer });
        }
        Ok(Writer::Union { null, branches: written })
    }

    /// Appends a value.
    ///
    /// # Errors
    /// A reason for people: the schema does not have this value.
    #[inline]
    pub(super) fn write(
        &self,
        values: &ColumnValues<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        if values.is_null(row) {
            return match self {
                Writer::Optional { null: Some(null), .. } | Writer::Union { null: Some(null), .. } => {
                    out.extend_from_slice(null);
                    Ok(())
                }
                _ => Err("it is NULL, and its Avro schema does not allow null".to_owned()),
            };
        }
        match (self, values) {
            (Writer::Optional { value, writer, .. }, values) => {
                out.extend_from_slice(value);
                writer.write(values, row, out)
            }
            (writer, ColumnValues::Scalar(values)) => writer.write_scalar(values, row, out),
            (Writer::Array(writer), ColumnValues::List { offsets, items, .. }) => {
                write_items(entries(offsets, row), out, |item, out| writer.write(items, item, out))
            }
            (Writer::Map(writer), ColumnValues::Map { offsets, keys, values, .. }) => {
                write_items(entries(offsets, row), out, |entry, out| {
                    write_bytes(keys.value(entry).as_bytes(), out);
                    writer.write(values, entry, out)
                })
            }
            (Writer::Entries { key, value, key_first }, ColumnValues::Map { offsets, keys, values, .. }) => {
                let keys = ColumnValues::Scalar(ScalarValues::String(keys));
                write_items(entries(offsets, row), out, |entry, out| {
                    if *key_first {
                        key.write(&keys, entry, out)?;
                        value.write(values, entry, out)
                    } else {
                        value.write(values, entry, out)?;
                        key.write(&keys, entry, out)
                    }
                })
            }
            (Writer::Record(fields), ColumnValues::Struct { columns, .. }) => {
                write_fields(fields, columns, row, out)
            }
            (Writer::Union { branches, null }, ColumnValues::Struct { columns, .. }) => {
                let chosen = branches.iter().find_map(|branch| {
                    let values = columns.get(branch.column).filter(|values| !values.is_null(row))?;
                    Some((branch, values))
                });
                match (chosen, null) {
                    (Some((branch, values)), _) => {
                        out.extend_from_slice(&branch.number);
                        branch.writer.write(values, row, out)
                    }
                    (None, Some(null)) => {
                        out.extend_from_slice(null);
                        Ok(())
                    }
                    (None, None) => Err("no field of it tells which branch of the union it is".to_owned()),
                }
            }
            _ => Err(UNPLANNED.to_owned()),
        }
    }

    #[inline]
    fn write_scalar(&self, values: &ScalarValues<'_>, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
        match (self, values) {
            (Writer::Boolean, ScalarValues::Boolean(values)) => out.push(u8::from(values.value(row))),
            (Writer::Whole, ScalarValues::Integer(values)) => write_long(i64::from(values.value(row)), out),
            (Writer::Whole, ScalarValues::Bigint(values)) => write_long(values.value(row), out),
            (Writer::Whole, ScalarValues::Date(values)) => write_long(i64::from(values.value(row)), out),
            (Writer::Whole, ScalarValues::Time(values)) => write_long(i64::from(values.value(row)), out),
            (Writer::Whole, ScalarValues::Timestamp(values)) => write_long(values.value(row), out),
            (Writer::Double, ScalarValues::Double(values)) => {
                out.extend_from_slice(&values.value(row).to_le_bytes());
            }
            (Writer::Float, ScalarValues::Double(values)) => {
                out.extend_from_slice(&(values.value(row) as f32).to_le_bytes());
            }
            (Writer::String, ScalarValues::String(values)) => write_bytes(values.value(row).as_bytes(), out),
            (Writer::Bytes, ScalarValues::Bytes(values)) => write_bytes(values.value(row), out),
            (Writer::Fixed(length), ScalarValues::Bytes(values)) => {
                let value = values.value(row);
                if value.len() != *length {
                    return Err(format!("it has {} bytes, and its Avro schema {length}", value.len()));
                }
                out.extend_from_slice(value);
            }
            (Writer::Enum(symbols), ScalarValues::String(values)) => {
                let value = values.value(row);
                let symbol = symbols.iter().position(|symbol| symbol == value);
                let symbol = symbol.ok_or_else(|| format!("'{value}' is no symbol of its Avro schema"))?;
                write_length(symbol, out);
            }
            (Writer::KeyInt, ScalarValues::String(values)) => {
                write_long(i64::from(key_value::<i32>(values.value(row))?), out);
            }
            (Writer::KeyLong, ScalarValues::String(values)) => {
                write_long(key_value(values.value(row))?, out);
            }
            (Writer::KeyBoolean, ScalarValues::String(values)) => {
                out.push(u8::from(key_value::<bool>(values.value(row))?));
            }
            (Writer::Decimal { .. }, ScalarValues::Decimal(values, from)) => {
                return self.write_decimal(i256::from_i128(values.value(row)), *from, out);
            }
            (Writer::Decimal { .. }, ScalarValues::WideDecimal(values, from)) => {
                return self.write_decimal(values.value(row), *from, out);
            }
            _ => return Err(UNPLANNED.to_owned()),
        }
        Ok(())
    }

    fn write_decimal(&self, value: i256, from: i8, out: &mut Vec<u8>) -> Result<(), String> {
        let Writer::Decimal { scale, precision, bytes } = self else { return Err(UNPLANNED.to_owned()) };
        let value = decimal::rescale(value, i64::from(from), *precision, *scale)
            .map_err(|_| format!("it does not fit the decimal({precision}, {scale}) of its Avro schema"))?;
        let mut number = Vec::with_capacity(16);
        decimal::write(value, &mut number);
        match bytes {
            None => write_bytes(&number, out),
            Some(length) => {
                let Some(missing) = length.checked_sub(number.len()) else {
                    return Err(format!("it does not fit the {length} bytes of its Avro schema"));
                };
                let filler = if value.is_negative() { 0xff } else { 0 };
                out.resize(out.len() + missing, filler);
                out.extend_from_slice(&number);
            }
        }
        Ok(())
    }
}

/// What a plan that does not match its columns says.
const UNPLANNED: &str = "it is not of the type it was planned for";

/// How the fields of a record are written from columns.
///
/// # Errors
/// A reason for people: a column that the record does not have, or a field that has to come from one.
pub(super) fn record(schema: &AvroSchema, id: TypeId, columns: &Fields) -> Result<Vec<FieldWriter>, String> {
    let Kind::Record { fields, .. } = &schema.get(id).kind else {
        return Err(format!(
            "columns are written as a record, and the schema has {}",
            schema.get(id).kind.name()
        ));
    };
    let mut sources: Vec<Option<usize>> = vec![None; fields.len()];
    for (column, declared) in columns.iter().enumerate() {
        let name = names::field_name(declared.name());
        let found = fields.iter().position(|field| field.name == name);
        let found = found.or_else(|| fields.iter().position(|field| names::are_same(&field.name, &name)));
        match found {
            Some(field) if sources[field].is_none() => sources[field] = Some(column),
            _ => {
                return Err(format!(
                    "Schema from Schema Registry misses field with name: {}",
                    declared.name()
                ));
            }
        }
    }
    fields.iter().zip(sources).map(|(field, column)| field_writer(schema, field, column, columns)).collect()
}

fn field_writer(
    schema: &AvroSchema,
    field: &RecordField,
    column: Option<usize>,
    columns: &Fields,
) -> Result<FieldWriter, String> {
    let default = field.default.as_ref().and_then(|value| default::encode(schema, field.data_type, value));
    if let Some((column, declared)) = column.and_then(|column| Some((column, columns.get(column)?))) {
        let writer = Writer::new(schema, field.data_type, declared.data_type())
            .map_err(|reason| format!("column `{}`: {reason}", declared.name()))?;
        return Ok(FieldWriter::Column { column, name: declared.name().clone(), writer, default });
    }
    let null = || default::encode(schema, field.data_type, &serde_json::Value::Null);
    let constant = default.or_else(null).ok_or_else(|| {
        format!(
            "Missing default value for required Avro field: [{}]. This field appears in Avro schema in Schema \
             Registry",
            field.name
        )
    })?;
    Ok(FieldWriter::Constant(constant))
}

/// Appends the fields of a record.
///
/// # Errors
/// A reason for people: a value that the schema does not have.
#[inline]
pub(super) fn write_fields(
    fields: &[FieldWriter],
    columns: &[ColumnValues<'_>],
    row: usize,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    for field in fields {
        match field {
            FieldWriter::Constant(bytes) => out.extend_from_slice(bytes),
            FieldWriter::Column { column, name, writer, default } => {
                let Some(values) = columns.get(*column) else { return Err(UNPLANNED.to_owned()) };
                match default {
                    Some(default) if values.is_null(row) && !writer.takes_null() => {
                        out.extend_from_slice(default);
                    }
                    _ => writer
                        .write(values, row, out)
                        .map_err(|reason| format!("column `{name}`: {reason}"))?,
                }
            }
        }
    }
    Ok(())
}

impl Writer {
    fn takes_null(&self) -> bool {
        matches!(self, Writer::Optional { null: Some(_), .. } | Writer::Union { null: Some(_), .. })
    }
}

/// What the text of a map's key stands for.
fn key_value<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("the key '{text}' is not of the type that its Avro schema has for keys"))
}

fn write_items(
    range: std::ops::Range<usize>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<(), String>,
) -> Result<(), String> {
    if !range.is_empty() {
        write_length(range.len(), out);
        for item in range {
            write(item, out)?;
        }
    }
    out.push(0);
    Ok(())
}

fn scalar(data_type: &AvroType, column: &DataType) -> Option<Writer> {
    Some(match (&data_type.kind, data_type.logical, column) {
        (
            kind @ (Kind::Bytes | Kind::Fixed { .. }),
            Some(Logical::Decimal { precision, scale }),
            DataType::Decimal128(..) | DataType::Decimal256(..),
        ) => Writer::Decimal {
            scale: i8::try_from(scale).ok()?,
            precision: u8::try_from(precision).ok()?,
            bytes: match kind {
                Kind::Fixed { bytes } => Some(*bytes),
                _ => None,
            },
        },
        (Kind::Boolean, _, DataType::Boolean) => Writer::Boolean,
        (Kind::Int, _, DataType::Int32 | DataType::Date32 | DataType::Time32(TimeUnit::Millisecond))
        | (
            Kind::Long,
            _,
            DataType::Int32 | DataType::Int64 | DataType::Timestamp(TimeUnit::Millisecond, _),
        ) => Writer::Whole,
        (Kind::Float, _, DataType::Float64) => Writer::Float,
        (Kind::Double, _, DataType::Float64) => Writer::Double,
        (Kind::String, _, DataType::Utf8) => Writer::String,
        (Kind::Enum { symbols }, _, DataType::Utf8) => Writer::Enum(symbols.clone()),
        (Kind::Bytes, _, DataType::Binary) => Writer::Bytes,
        (Kind::Fixed { bytes }, _, DataType::Binary) => Writer::Fixed(*bytes),
        _ => return None,
    })
}
