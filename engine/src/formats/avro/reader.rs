//! How the values of one writer's schema come into columns: made once a schema, then followed for every
//! payload.
//!
//! The rules are ksqlDB's. Fields find their columns by [`member_names`](crate::formats::member_names); a
//! field that no column asks for is skipped, a column without a field is null. A column takes values of its
//! own type and of narrower ones, a STRING column also numbers and truth values as text.

use arrow::datatypes::{DataType, Field, Fields};

use super::cursor::{Cursor, Malformed};
use super::names;
use super::schema::{AvroSchema, Kind, Logical, TypeId};
use super::skip::skip;
use super::value::{Source, append};
use crate::formats::column_builder::{ColumnBuilder, ListBuilder, MapBuilder, StructBuilder};
use crate::formats::decoded::{ValueFault, quoted};
use crate::formats::member_names::{column_of_member, member_of_column};
use crate::formats::scalar::Fault;
use crate::formats::sql_type::type_name;

/// Why a payload gives no row.
pub(super) enum Stop {
    /// It is not what its schema says.
    Malformed(Malformed),
    /// It holds a value that a column does not take.
    Value(Box<ValueFault>),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Stop {
        Stop::Malformed(malformed)
    }
}

impl Stop {
    /// The same, with a fault told where in its column it is.
    fn within(self, located: impl FnOnce(Box<ValueFault>) -> Box<ValueFault>) -> Stop {
        match self {
            Stop::Value(fault) => Stop::Value(located(fault)),
            malformed @ Stop::Malformed(_) => malformed,
        }
    }
}

/// How values of a type come into a column.
pub(super) enum Reader {
    Null,
    Scalar(Source),
    /// One of several, told by the payload; `None` is null.
    Choice(Vec<Option<Reader>>),
    List(Box<Reader>),
    Map(Box<Reader>),
    /// A map written as an array of its entries.
    Entries(Box<EntryReader>),
    Struct(RecordReader),
    /// A branch of a union that becomes the column of its name in a STRUCT, if the STRUCT has one.
    Branch {
        column: Option<usize>,
        reader: Box<Step>,
    },
}

/// How a record's fields come into columns, in the order of the payload.
pub(super) struct RecordReader {
    steps: Vec<Step>,
}

/// What becomes of one field.
pub(super) enum Step {
    /// It comes into the column that is built at this place.
    Read {
        column: usize,
        reader: Reader,
    },
    Skip(TypeId),
}

/// How an entry of a map is read.
pub(super) struct EntryReader {
    /// Text, or a union of text and null.
    key: Reader,
    value: Reader,
    key_first: bool,
}

impl Reader {
    /// How values of a type come into a column of another.
    ///
    /// # Errors
    /// A reason for people: they cannot.
    pub(super) fn new(schema: &AvroSchema, id: TypeId, column: &DataType) -> Result<Reader, String> {
        let data_type = schema.get(id);
        if let Kind::Union { branches } = &data_type.kind {
            return Reader::of_union(schema, id, branches, column);
        }
        let mismatch = || {
            let found = match data_type.logical {
                Some(Logical::Decimal { .. }) => "decimal",
                _ => data_type.kind.name(),
            };
            Err(format!("expected {}, and the schema has {found}", type_name(column)))
        };
        Ok(match (column, &data_type.kind) {
            (_, Kind::Null) => Reader::Null,
            (DataType::List(field), Kind::Array { items }) => {
                Reader::List(Box::new(Reader::new(schema, *items, field.data_type())?))
            }
            (DataType::Map(entries, _), kind) => {
                let DataType::Struct(fields) = entries.data_type() else { return mismatch() };
                let Some(value) = fields.get(1) else { return mismatch() };
                match kind {
                    Kind::Map { values } => {
                        Reader::Map(Box::new(Reader::new(schema, *values, value.data_type())?))
                    }
                    Kind::Array { items } => match EntryReader::new(schema, *items, value.data_type())? {
                        Some(entry) => Reader::Entries(Box::new(entry)),
                        None => return mismatch(),
                    },
                    _ => return mismatch(),
                }
            }
            (DataType::Struct(fields), Kind::Record { .. }) => {
                Reader::Struct(RecordReader::new(schema, id, fields, Some)?)
            }
            (scalar, _) => match Source::new(data_type, scalar) {
                Some(source) => Reader::Scalar(source),
                None => return mismatch(),
            },
        })
    }

    fn of_union(
        schema: &AvroSchema,
        id: TypeId,
        branches: &[TypeId],
        column: &DataType,
    ) -> Result<Reader, String> {
        let only = schema.only_branch(id).is_some();
        let readers = branches.iter().map(|branch| {
            if matches!(schema.get(*branch).kind, Kind::Null) {
                return Ok(None);
            }
            match column {
                DataType::Struct(fields) if !only => {
                    let name = schema.branch_name(*branch);
                    let column = column_of_member(fields, &name);
                    let target = column.and_then(|column| Some((fields.get(column)?.as_ref(), Some(column))));
                    let step = Step::new(schema, *branch, target)?;
                    Ok(Some(Reader::Branch { column, reader: Box::new(step) }))
                }
                column if only => Reader::new(schema, *branch, column).map(Some),
                column => Err(format!(
                    "expected {}, and the schema has a union of several types",
                    type_name(column)
                )),
            }
        });
        Ok(Reader::Choice(readers.collect::<Result<_, _>>()?))
    }

    /// Reads a value into a column; one entry is added, whatever comes.
    pub(super) fn read(
        &self,
        schema: &AvroSchema,
        column: &mut ColumnBuilder,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Stop> {
        match (self, column) {
            (Reader::Scalar(source), ColumnBuilder::Scalar(values)) => append(source, values, cursor),
            (Reader::Choice(branches), column) => {
                match cursor.choice(branches.len(), "a branch of a union") {
                    Ok(branch) => match branches.get(branch) {
                        Some(Some(reader)) => reader.read(schema, column, cursor),
                        _ => {
                            column.append_null();
                            Ok(())
                        }
                    },
                    Err(malformed) => {
                        column.append_null();
                        Err(malformed.into())
                    }
                }
            }
            (Reader::Null, column) => {
                column.append_null();
                Ok(())
            }
            (Reader::List(reader), ColumnBuilder::List(list)) => {
                let result = read_items(reader, schema, list, cursor);
                list.close(result.is_ok());
                result
            }
            (Reader::Map(reader), ColumnBuilder::Map(map)) => {
                let result = read_members(reader, schema, map, cursor);
                map.close(result.is_ok());
                result
            }
            (Reader::Entries(entry), ColumnBuilder::Map(map)) => {
                let result = read_entries(entry, schema, map, cursor);
                map.close(result.is_ok());
                result
            }
            (Reader::Struct(record), ColumnBuilder::Struct(fields)) => {
                let StructBuilder { fields: names, columns, .. } = fields.as_mut();
                let result = record.read(schema, columns, cursor, |fault, column| {
                    let name = names.get(column).map_or("", |field| field.name());
                    fault.within(&format!("->`{name}`"))
                });
                fields.close(result.is_ok());
                result
            }
            (Reader::Branch { column, reader }, ColumnBuilder::Struct(fields)) => {
                let result = match (reader.as_ref(), column.and_then(|column| fields.columns.get_mut(column)))
                {
                    (Step::Read { reader, .. }, Some(column)) => reader.read(schema, column, cursor),
                    (Step::Skip(id), _) => skip(schema, *id, cursor).map_err(Stop::from),
                    (Step::Read { .. }, None) => Ok(()),
                };
                fields.close(result.is_ok());
                result
            }
            (_, column) => {
                // The column was made for the same type as the reader.
                column.append_null();
                Err(Malformed { expected: "a value of the column's type", position: cursor.position() }
                    .into())
            }
        }
    }
}

impl Step {
    /// What becomes of a field that is for a column of a name and type, and where that is built. A column
    /// that is not built is held against the schema all the same.
    fn new(schema: &AvroSchema, id: TypeId, target: Option<(&Field, Option<usize>)>) -> Result<Step, String> {
        let Some((field, place)) = target else { return Ok(Step::Skip(id)) };
        let reader = Reader::new(schema, id, field.data_type())
            .map_err(|reason| format!("column `{}`: {reason}", field.name()))?;
        Ok(place.map_or(Step::Skip(id), |column| Step::Read { column, reader }))
    }
}

impl RecordReader {
    /// How the fields of a record come into columns of these names and types; `place` tells where each is
    /// built, if it is.
    ///
    /// # Errors
    /// A reason for people: one of them cannot.
    pub(super) fn new(
        schema: &AvroSchema,
        id: TypeId,
        columns: &Fields,
        place: impl Fn(usize) -> Option<usize>,
    ) -> Result<RecordReader, String> {
        let Kind::Record { fields, .. } = &schema.get(id).kind else {
            return Err(format!("expected a record, and the schema has {}", schema.get(id).kind.name()));
        };
        let mut targets: Vec<Option<usize>> = vec![None; fields.len()];
        for (column, declared) in columns.iter().enumerate() {
            let name = names::field_name(declared.name());
            // A field feeds one column: names that differ in case alone are told apart where the schema
            // has both.
            if let Some(field) = member_of_column(fields.iter().map(|field| field.name.as_str()), &name)
                && (fields[field].name == name || targets[field].is_none())
            {
                targets[field] = Some(column);
            }
        }
        let steps = fields.iter().zip(targets);
        let steps = steps.map(|(field, target)| {
            let target = target.and_then(|column| Some((columns.get(column)?.as_ref(), place(column))));
            Step::new(schema, field.data_type, target)
        });
        Ok(RecordReader { steps: steps.collect::<Result<_, _>>()? })
    }

    /// Reads a record into columns. Those that no field feeds, and after a fault all that are left, are
    /// the caller's to fill up; `located` says in which column a fault is.
    pub(super) fn read(
        &self,
        schema: &AvroSchema,
        columns: &mut [ColumnBuilder],
        cursor: &mut Cursor<'_>,
        located: impl Fn(Box<ValueFault>, usize) -> Box<ValueFault>,
    ) -> Result<(), Stop> {
        for step in &self.steps {
            match step {
                Step::Skip(id) => skip(schema, *id, cursor)?,
                Step::Read { column, reader } => {
                    let Some(builder) = columns.get_mut(*column) else { continue };
                    let result = reader.read(schema, builder, cursor);
                    result.map_err(|stop| stop.within(|fault| located(fault, *column)))?;
                }
            }
        }
        Ok(())
    }
}

impl EntryReader {
    /// `None` where the items are no entries of a map whose keys can be text.
    fn new(schema: &AvroSchema, items: TypeId, value: &DataType) -> Result<Option<EntryReader>, String> {
        let Some(fields) = schema.entry_fields(items) else { return Ok(None) };
        if !schema.get(schema.non_null(fields.key)).kind.is_key() {
            return Ok(None);
        }
        let key = Reader::new(schema, fields.key, &DataType::Utf8)?;
        let value = Reader::new(schema, fields.value, value)?;
        Ok(Some(EntryReader { key, value, key_first: fields.key_first }))
    }
}

fn read_items(
    reader: &Reader,
    schema: &AvroSchema,
    list: &mut ListBuilder,
    cursor: &mut Cursor<'_>,
) -> Result<(), Stop> {
    let mut index = 0;
    cursor.items(|cursor| {
        reader.read(schema, &mut list.items, cursor).map_err(|stop| within_item(stop, index))?;
        index += 1;
        Ok(())
    })
}

fn read_members(
    reader: &Reader,
    schema: &AvroSchema,
    map: &mut MapBuilder,
    cursor: &mut Cursor<'_>,
) -> Result<(), Stop> {
    cursor.items(|cursor| {
        let key = cursor.text()?;
        map.keys.append_value(key);
        reader.read(schema, &mut map.values, cursor).map_err(|stop| within_key(stop, key))
    })
}

fn read_entries(
    entry: &EntryReader,
    schema: &AvroSchema,
    map: &mut MapBuilder,
    cursor: &mut Cursor<'_>,
) -> Result<(), Stop> {
    cursor.items(|cursor| {
        if entry.key_first {
            entry.key(cursor, map)?;
            entry.value.read(schema, &mut map.values, cursor)
        } else {
            entry.value.read(schema, &mut map.values, cursor)?;
            entry.key(cursor, map)
        }
    })
}

impl EntryReader {
    /// Reads a key behind those read before.
    fn key(&self, cursor: &mut Cursor<'_>, map: &mut MapBuilder) -> Result<(), Stop> {
        let position = cursor.position();
        let appended = match &self.key {
            Reader::Choice(branches) => {
                match branches.get(cursor.choice(branches.len(), "a branch of a union")?) {
                    Some(Some(Reader::Scalar(source))) => source.append_key(cursor, &mut map.keys)?,
                    _ => false,
                }
            }
            Reader::Scalar(source) => source.append_key(cursor, &mut map.keys)?,
            _ => false,
        };
        if appended {
            return Ok(());
        }
        let found = "null as a key of a map".to_owned();
        Err(Stop::Value(ValueFault::new(Fault::Type, &DataType::Utf8, found, position)))
    }
}

#[cold]
fn within_item(stop: Stop, index: usize) -> Stop {
    stop.within(|fault| fault.within(&format!("[{index}]")))
}

#[cold]
fn within_key(stop: Stop, key: &str) -> Stop {
    stop.within(|fault| fault.within(&format!("[{}]", quoted(key))))
}
