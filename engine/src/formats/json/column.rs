//! Columns that grow by JSON values, with ksqlDB's conversions.
//!
//! | column | takes |
//! |---|---|
//! | BOOLEAN | `true`, `false` |
//! | INTEGER, BIGINT | numbers, fractions cut off; strings that are whole numbers |
//! | DOUBLE | numbers; strings that are numbers |
//! | DECIMAL | numbers and strings that fit without rounding |
//! | STRING | anything: scalars as their text, objects and arrays as text |
//! | BYTES | base64 strings |
//! | DATE, TIME, TIMESTAMP | days, milliseconds of the day, milliseconds since the epoch; as INTEGER |
//! | ARRAY, MAP, STRUCT | arrays, objects, objects; their parts by the same rules |
//!
//! `null` and a missing field are NULL everywhere. What a column does not take fails the row. In one
//! point this departs from ksqlDB: a number out of range fails the row too, where Java's narrowing
//! would keep its low bits and so store another number without a word.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, MapArray, NullBufferBuilder, StringBuilder, StructArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::object::ObjectReader;
use super::scanner::{NumberToken, Scanner, Span, StringToken, SyntaxError, Token};
use super::text::{Member, Scratch, Unreadable, read_members, string_text, write_value_text};
use crate::formats::decimal_text::parse_decimal;
use crate::formats::decoded::{ValueFault, quoted};
use crate::formats::scalar::{Fault, ScalarBuilder};

type Result = std::result::Result<(), Box<ValueFault>>;

/// A growing column. Every append adds one entry, whatever it returns.
pub(super) struct Column {
    data_type: DataType,
    values: Values,
    length: usize,
}

enum Values {
    Scalar(ScalarBuilder),
    List(Box<List>),
    Map(Box<Map>),
    Struct(Box<Struct>),
}

struct List {
    field: FieldRef,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    items: Column,
}

struct Map {
    entries: FieldRef,
    fields: Fields,
    ordered: bool,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    keys: StringBuilder,
    items: Column,
    members: Vec<Member>,
    key: String,
}

struct Struct {
    fields: Fields,
    nulls: NullBufferBuilder,
    reader: ObjectReader,
    columns: Vec<Column>,
}

impl Column {
    /// An empty column; `None` if the type is none of SQL's.
    pub(super) fn new(data_type: &DataType) -> Option<Column> {
        let values = match data_type {
            DataType::List(field) => Values::List(Box::new(List {
                field: field.clone(),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(0),
                items: Column::new(field.data_type())?,
            })),
            DataType::Map(entries, ordered) => {
                let DataType::Struct(fields) = entries.data_type() else { return None };
                let [key, value] = fields.as_ref() else { return None };
                if *key.data_type() != DataType::Utf8 {
                    return None;
                }
                Values::Map(Box::new(Map {
                    entries: entries.clone(),
                    fields: fields.clone(),
                    ordered: *ordered,
                    offsets: vec![0],
                    nulls: NullBufferBuilder::new(0),
                    keys: StringBuilder::new(),
                    items: Column::new(value.data_type())?,
                    members: Vec::new(),
                    key: String::new(),
                }))
            }
            DataType::Struct(fields) => Values::Struct(Box::new(Struct {
                fields: fields.clone(),
                nulls: NullBufferBuilder::new(0),
                reader: ObjectReader::new(fields.iter().map(|field| field.name().as_str())),
                columns: fields.iter().map(|field| Column::new(field.data_type())).collect::<Option<_>>()?,
            })),
            scalar => Values::Scalar(ScalarBuilder::new(scalar, 0)?),
        };
        Some(Column { data_type: data_type.clone(), values, length: 0 })
    }

    /// Makes room for a batch of rows, in an empty column.
    pub(super) fn reserve(&mut self, rows: usize) {
        if let Values::Scalar(values) = &mut self.values
            && let Some(roomy) = ScalarBuilder::new(&self.data_type, rows)
        {
            *values = roomy;
        }
    }

    pub(super) fn append_null(&mut self) {
        self.length += 1;
        match &mut self.values {
            Values::Scalar(values) => values.append_null(),
            Values::List(list) => list.close(false),
            Values::Map(map) => map.close(false),
            Values::Struct(fields) => fields.append_null(),
        }
    }

    /// Appends a value of the given text.
    #[inline]
    pub(super) fn append(&mut self, text: &str, value: Token, scratch: &mut Scratch) -> Result {
        self.length += 1;
        let data_type = &self.data_type;
        match &mut self.values {
            Values::Scalar(values) => append_scalar(values, text, value, scratch)
                .map_err(|fault| ValueFault::new(fault, data_type, found(text, value), value.position())),
            Values::List(list) => match value {
                Token::Array(array) => {
                    let result = list.append_items(text, array, scratch);
                    list.close(result.is_ok());
                    result
                }
                other => {
                    list.close(false);
                    null_or_mismatch(data_type, text, other)
                }
            },
            Values::Map(map) => match value {
                Token::Object(object) => {
                    let result = map.append_members(text, object, scratch);
                    map.close(result.is_ok());
                    result
                }
                other => {
                    map.close(false);
                    null_or_mismatch(data_type, text, other)
                }
            },
            Values::Struct(fields) => match value {
                Token::Object(object) => fields.append(text, object, scratch),
                other => {
                    fields.append_null();
                    null_or_mismatch(data_type, text, other)
                }
            },
        }
    }

    /// The column so far; empty afterwards.
    pub(super) fn finish(&mut self) -> std::result::Result<ArrayRef, ArrowError> {
        let length = std::mem::take(&mut self.length);
        Ok(match &mut self.values {
            Values::Scalar(values) => values.finish(),
            Values::List(list) => Arc::new(ListArray::try_new(
                list.field.clone(),
                take_offsets(&mut list.offsets),
                list.items.finish()?,
                list.nulls.finish(),
            )?),
            Values::Map(map) => {
                let columns: Vec<ArrayRef> = vec![Arc::new(map.keys.finish()), map.items.finish()?];
                let entries = StructArray::try_new(map.fields.clone(), columns, None)?;
                let offsets = take_offsets(&mut map.offsets);
                let nulls = map.nulls.finish();
                Arc::new(MapArray::try_new(map.entries.clone(), offsets, entries, nulls, map.ordered)?)
            }
            Values::Struct(fields) => {
                let columns =
                    fields.columns.iter_mut().map(Column::finish).collect::<std::result::Result<_, _>>()?;
                let nulls = fields.nulls.finish();
                Arc::new(StructArray::try_new_with_length(fields.fields.clone(), columns, nulls, length)?)
            }
        })
    }
}

impl List {
    fn append_items(&mut self, text: &str, array: Span, scratch: &mut Scratch) -> Result {
        let mut scanner = Scanner::inside(text, array);
        let mut more = scanner.first_element();
        let mut index = 0;
        while more {
            let item = scanner.value().map_err(rescan_failed)?;
            self.items.append(text, item, scratch).map_err(|fault| fault.within(&format!("[{index}]")))?;
            more = scanner.next_element().map_err(rescan_failed)?;
            index += 1;
        }
        Ok(())
    }

    fn close(&mut self, valid: bool) {
        self.offsets.push(offset(self.items.length));
        self.nulls.append(valid);
    }
}

impl Map {
    fn append_members(&mut self, text: &str, object: Span, scratch: &mut Scratch) -> Result {
        let unreadable = |_| {
            let found = quoted(object.of(text));
            ValueFault::new(Fault::Surrogate, &DataType::Utf8, found, object.start as usize)
        };
        self.members.clear();
        read_members(text, object, &mut self.members).map_err(unreadable)?;
        for member in &self.members {
            let key = string_text(text, member.name, &mut self.key).map_err(unreadable)?;
            self.keys.append_value(key);
            self.items
                .append(text, member.value, scratch)
                .map_err(|fault| fault.within(&format!("[{}]", quoted(key))))?;
        }
        Ok(())
    }

    fn close(&mut self, valid: bool) {
        self.offsets.push(offset(self.items.length));
        self.nulls.append(valid);
    }
}

impl Struct {
    fn append(&mut self, text: &str, object: Span, scratch: &mut Scratch) -> Result {
        let mut scanner = Scanner::inside(text, object);
        let mut result = self.reader.read(&mut scanner, text).map_err(rescan_failed);
        for (index, (column, field)) in self.columns.iter_mut().zip(&self.fields).enumerate() {
            if result.is_ok() {
                result = column
                    .append(text, self.reader.token(index), scratch)
                    .map_err(|fault| fault.within(&format!("->`{}`", field.name())));
            } else {
                column.append_null();
            }
        }
        self.nulls.append(result.is_ok());
        result
    }

    fn append_null(&mut self) {
        for column in &mut self.columns {
            column.append_null();
        }
        self.nulls.append_null();
    }
}

#[inline]
fn append_scalar(
    values: &mut ScalarBuilder,
    text: &str,
    value: Token,
    scratch: &mut Scratch,
) -> std::result::Result<(), Fault> {
    match value {
        Token::String(string) => append_string(values, text, string, scratch),
        Token::Number(number) => append_number(values, text, number, scratch),
        Token::Missing | Token::Null => {
            values.append_null();
            Ok(())
        }
        Token::True | Token::False => {
            let truth = value == Token::True;
            match values {
                ScalarBuilder::Boolean(values) => values.append_value(truth),
                ScalarBuilder::String(values) => values.append_value(if truth { "true" } else { "false" }),
                other => return mismatch(other),
            }
            Ok(())
        }
        Token::Object(_) | Token::Array(_) => match values {
            ScalarBuilder::String(values) => {
                let mut bytes = std::mem::take(&mut scratch.bytes);
                bytes.clear();
                let written = write_value_text(text, value, scratch, &mut bytes);
                let rendered = std::str::from_utf8(&bytes).ok().filter(|_| written.is_ok());
                values.append_option(rendered);
                let result = rendered.map(drop).ok_or(Fault::Surrogate);
                scratch.bytes = bytes;
                result
            }
            other => mismatch(other),
        },
    }
}

#[inline]
fn append_string(
    values: &mut ScalarBuilder,
    text: &str,
    string: StringToken,
    scratch: &mut Scratch,
) -> std::result::Result<(), Fault> {
    match string_text(text, string, &mut scratch.string) {
        Ok(string) => match values {
            ScalarBuilder::String(values) => {
                values.append_value(string);
                Ok(())
            }
            ScalarBuilder::Boolean(_) => mismatch(values),
            other => other.append_text(string),
        },
        Err(Unreadable) => {
            values.append_null();
            Err(Fault::Surrogate)
        }
    }
}

#[inline]
fn append_number(
    values: &mut ScalarBuilder,
    text: &str,
    number: NumberToken,
    scratch: &mut Scratch,
) -> std::result::Result<(), Fault> {
    match values {
        ScalarBuilder::Double(values) => {
            values.append_value(number.to_f64(text));
            Ok(())
        }
        ScalarBuilder::Decimal { values, precision, scale } => {
            let value = number.to_decimal(text, *precision, *scale);
            values.append_option(value.ok());
            value.map(drop).map_err(Fault::from)
        }
        ScalarBuilder::WideDecimal { values, precision, scale } => {
            let value = parse_decimal(number.span.of(text), *precision, *scale);
            values.append_option(value.ok());
            value.map(drop).map_err(Fault::from)
        }
        ScalarBuilder::String(values) => {
            scratch.bytes.clear();
            number.write_text(text, &mut scratch.bytes);
            let rendered = std::str::from_utf8(&scratch.bytes);
            values.append_option(rendered.ok());
            rendered.map(drop).map_err(|_| Fault::Type)
        }
        ScalarBuilder::Boolean(_) | ScalarBuilder::Bytes { .. } => mismatch(values),
        whole => match number.to_i64(text) {
            Some(value) => whole.append_integer(value),
            None => {
                whole.append_null();
                Err(Fault::Range)
            }
        },
    }
}

fn mismatch(values: &mut ScalarBuilder) -> std::result::Result<(), Fault> {
    values.append_null();
    Err(Fault::Type)
}

fn null_or_mismatch(expected: &DataType, text: &str, value: Token) -> Result {
    match value {
        Token::Missing | Token::Null => Ok(()),
        other => Err(ValueFault::new(Fault::Type, expected, found(text, other), other.position())),
    }
}

/// What stands there, for a reason.
pub(super) fn found(text: &str, value: Token) -> String {
    match value {
        Token::Missing => "nothing".to_owned(),
        Token::Null => "null".to_owned(),
        Token::True => "true".to_owned(),
        Token::False => "false".to_owned(),
        Token::Number(number) => {
            let number = number.span.of(text);
            format!("the number {}", number.get(..40).unwrap_or(number))
        }
        Token::String(string) => format!("the string {}", quoted(string.span.of(text))),
        Token::Object(_) => "an object".to_owned(),
        Token::Array(_) => "an array".to_owned(),
    }
}

/// Values inside a container were scanned with it; this reports the contradiction instead of trusting.
fn rescan_failed(error: SyntaxError) -> Box<ValueFault> {
    ValueFault::new(Fault::Type, &DataType::Null, error.expected.to_owned(), error.position)
}

fn offset(length: usize) -> i32 {
    i32::try_from(length).expect("a batch is at most 1 GiB of text, and every element takes a byte of it")
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])))
}
