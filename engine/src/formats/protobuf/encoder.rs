//! Columns to payloads: messages behind the id of their schema, or bare ones.
//!
//! A null is a field that is not set. In a list, where every item has its place, and as the key of a
//! map it is written as the default value, which is what an unset field means: 0, or what is nearest to it.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{SchemaRef, i256};
use chrono::{Datelike, NaiveDate};
use prost_reflect::MessageDescriptor;

use super::encode_plan::{FieldForm, FieldLayout, MessageLayout, ValueLayout};
use super::encoding::Encoding;
use super::message_indexes;
use super::wire::{WireType, write_bytes, write_tag, write_varint, write_with_length, zigzag};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::column_values::entries;
use crate::formats::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use crate::formats::scalar_values::ScalarValues;
use crate::formats::{Encoder, framing};
use crate::registry::SchemaId;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Encodes rows as messages.
pub(super) struct ProtobufEncoder {
    schema: SchemaRef,
    layout: MessageLayout,
    /// What stands in front of each message.
    frame: Vec<u8>,
}

impl ProtobufEncoder {
    /// An encoder of rows of `schema` as `message`, behind the id of its schema where it has one.
    ///
    /// # Errors
    /// A column that the message has no field for.
    pub(super) fn new(
        schema: SchemaRef,
        message: &MessageDescriptor,
        id: Option<SchemaId>,
    ) -> Result<ProtobufEncoder> {
        let columns = schema.fields().iter().map(AsRef::as_ref);
        let layout =
            MessageLayout::new(columns, message).map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        let mut frame = Vec::new();
        if let Some(id) = id {
            framing::write(id, &mut frame);
            message_indexes::write(message, &mut frame);
        }
        Ok(ProtobufEncoder { schema, layout, frame })
    }
}

impl Encoder for ProtobufEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let columns = aligned_columns(&self.schema, columns, &rows)?;
        let message = Message::bind(&self.layout, &columns)?;
        rows.for_each(|row| {
            let mut written = Ok(());
            out.push_with(|bytes| {
                bytes.extend_from_slice(&self.frame);
                written = message.write(row, bytes);
            })?;
            written.map_err(|reason| Error::new(ErrorKind::Invalid, reason))
        })
    }
}

/// Why a value cannot be written.
type Written = std::result::Result<(), String>;

/// Columns, ready to be written row by row.
struct Message<'a> {
    fields: Vec<MessageField<'a>>,
}

struct MessageField<'a> {
    layout: &'a FieldLayout,
    values: FieldValues<'a>,
}

enum FieldValues<'a> {
    Single(Values<'a>),
    Choice {
        choice: Option<&'a NullBuffer>,
        /// The fields that come before this one: of several that are set the first is written.
        earlier: &'a [ArrayRef],
        values: Values<'a>,
    },
    List {
        nulls: Option<&'a NullBuffer>,
        offsets: &'a OffsetBuffer<i32>,
        items: Values<'a>,
    },
    Map {
        nulls: Option<&'a NullBuffer>,
        offsets: &'a OffsetBuffer<i32>,
        entries: Message<'a>,
    },
}

enum Values<'a> {
    Scalar(&'a ValueLayout, ScalarValues<'a>),
    Struct(Option<&'a NullBuffer>, Message<'a>),
}

impl<'a> Message<'a> {
    fn bind(layout: &'a MessageLayout, columns: &'a [ArrayRef]) -> Result<Message<'a>> {
        let field = |layout: &'a FieldLayout| -> Result<MessageField<'a>> {
            let column = columns.get(layout.column).ok_or_else(|| unexpected(&layout.name))?;
            Ok(MessageField { layout, values: FieldValues::bind(layout, column)? })
        };
        Ok(Message { fields: layout.fields.iter().map(field).collect::<Result<_>>()? })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Written {
        self.fields.iter().try_for_each(|field| {
            let number = field.layout.number;
            match &field.values {
                FieldValues::Single(values) => {
                    let always = matches!(field.layout.form, FieldForm::Single { tells_unset: true, .. });
                    values.write_field(number, always, row, out)
                }
                FieldValues::Choice { choice, earlier, values } => {
                    let is_null = choice.is_some_and(|choice| choice.is_null(row));
                    if is_null || earlier.iter().any(|other| other.is_valid(row)) {
                        return Ok(());
                    }
                    values.write_field(number, true, row, out)
                }
                FieldValues::List { nulls, offsets, items } => {
                    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        return Ok(());
                    }
                    let packed = matches!(field.layout.form, FieldForm::List { packed: true, .. });
                    items.write_items(number, packed, entries(offsets, row), out)
                }
                FieldValues::Map { nulls, offsets, entries: message } => {
                    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
                        return Ok(());
                    }
                    entries(offsets, row).try_for_each(|entry| {
                        write_tag(number, WireType::Bytes, out);
                        write_with_length(out, |out| message.write(entry, out))
                    })
                }
            }
            .map_err(|reason| within_field(&field.layout.name, &reason))
        })
    }
}

impl<'a> FieldValues<'a> {
    fn bind(layout: &'a FieldLayout, column: &'a ArrayRef) -> Result<FieldValues<'a>> {
        let missing = || unexpected(&layout.name);
        Ok(match &layout.form {
            FieldForm::Single { value, .. } => FieldValues::Single(Values::bind(value, column)?),
            FieldForm::Choice { member, value } => {
                let choice = column.as_struct_opt().ok_or_else(missing)?;
                let values = choice.columns().get(*member).ok_or_else(missing)?;
                FieldValues::Choice {
                    choice: choice.nulls(),
                    earlier: &choice.columns()[..*member],
                    values: Values::bind(value, values)?,
                }
            }
            FieldForm::List { items, .. } => {
                let list = column.as_list_opt::<i32>().ok_or_else(missing)?;
                FieldValues::List {
                    nulls: list.nulls(),
                    offsets: list.offsets(),
                    items: Values::bind(items, list.values())?,
                }
            }
            FieldForm::Map { entry } => {
                let map = column.as_map_opt().ok_or_else(missing)?;
                FieldValues::Map {
                    nulls: map.nulls(),
                    offsets: map.offsets(),
                    entries: Message::bind(entry, map.entries().columns())?,
                }
            }
        })
    }
}

impl<'a> Values<'a> {
    fn bind(layout: &'a ValueLayout, column: &'a ArrayRef) -> Result<Values<'a>> {
        match layout {
            ValueLayout::Struct(layout) => {
                let fields = column.as_struct_opt().ok_or_else(|| unexpected("STRUCT"))?;
                Ok(Values::Struct(fields.nulls(), Message::bind(layout, fields.columns())?))
            }
            layout => {
                let values = ScalarValues::of(column).ok_or_else(|| unexpected("value"))?;
                Ok(Values::Scalar(layout, values))
            }
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Scalar(_, values) => values.is_null(row),
            Values::Struct(nulls, _) => nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    /// Writes a field unless it is null; the default value only if it is `always` written.
    #[inline]
    fn write_field(&self, number: u32, always: bool, row: usize, out: &mut Vec<u8>) -> Written {
        if self.is_null(row) {
            return Ok(());
        }
        match self {
            Values::Scalar(ValueLayout::Scalar(encoding), values) => {
                let scalar = scalar(encoding, values, row)?;
                if always || !scalar.is_default() {
                    write_tag(number, encoding.wire(), out);
                    scalar.write(out);
                }
                Ok(())
            }
            other => {
                write_tag(number, WireType::Bytes, out);
                write_with_length(out, |out| other.write_message(row, out))
            }
        }
    }

    fn write_items(
        &self,
        number: u32,
        packed: bool,
        mut rows: std::ops::Range<usize>,
        out: &mut Vec<u8>,
    ) -> Written {
        if rows.is_empty() {
            return Ok(());
        }
        let Values::Scalar(ValueLayout::Scalar(encoding), values) = self else {
            return rows.try_for_each(|row| {
                write_tag(number, WireType::Bytes, out);
                write_with_length(out, |out| {
                    if self.is_null(row) {
                        self.write_default_message(out);
                        return Ok(());
                    }
                    self.write_message(row, out)
                })
            });
        };
        let item =
            |row| if values.is_null(row) { Ok(default(encoding)) } else { scalar(encoding, values, row) };
        if packed {
            write_tag(number, WireType::Bytes, out);
            return write_with_length(out, |out| {
                rows.try_for_each(|row| item(row).map(|item| item.write(out)))
            });
        }
        rows.try_for_each(|row| {
            write_tag(number, encoding.wire(), out);
            item(row).map(|item| item.write(out))
        })
    }

    /// Writes the content of the message that stands for no value where there has to be one: nothing, where
    /// that can be read as one, else 0 or the first day of 1970.
    fn write_default_message(&self, out: &mut Vec<u8>) {
        match self {
            Values::Scalar(ValueLayout::Decimal, ScalarValues::Decimal(_, scale))
            | Values::Scalar(ValueLayout::Decimal, ScalarValues::WideDecimal(_, scale)) => {
                write_decimal(i256::ZERO, *scale, out);
            }
            Values::Scalar(ValueLayout::Date, _) => write_numbers([1970, 1, 1], out),
            _ => {}
        }
    }

    /// Writes the content of a message.
    fn write_message(&self, row: usize, out: &mut Vec<u8>) -> Written {
        let (layout, values) = match self {
            Values::Struct(_, message) => return message.write(row, out),
            Values::Scalar(layout, values) => (layout, values),
        };
        match (layout, values) {
            (ValueLayout::Wrapper(encoding), values) => {
                let scalar = scalar(encoding, values, row)?;
                if !scalar.is_default() {
                    write_tag(1, encoding.wire(), out);
                    scalar.write(out);
                }
            }
            (ValueLayout::Timestamp, ScalarValues::Timestamp(values)) => {
                let milliseconds = values.value(row);
                let nanos = milliseconds.rem_euclid(1_000) * 1_000_000;
                write_numbers([milliseconds.div_euclid(1_000), nanos], out);
            }
            (ValueLayout::Date, ScalarValues::Date(values)) => {
                let days = values.value(row);
                let date = NaiveDate::from_epoch_days(days).filter(|date| date.year() > 0);
                let date = date.ok_or_else(|| format!("no date of the calendar is {days} days from 1970"))?;
                let [month, day] = [date.month(), date.day()].map(i64::from);
                write_numbers([i64::from(date.year()), month, day], out);
            }
            (ValueLayout::Time, ScalarValues::Time(values)) => {
                // Midnight at the end of the day is the one that begins it.
                let milliseconds = i64::from(values.value(row)).rem_euclid(DAY_MS);
                let (seconds, nanos) = (milliseconds / 1_000, milliseconds % 1_000 * 1_000_000);
                write_numbers([seconds / 3_600, seconds / 60 % 60, seconds % 60, nanos], out);
            }
            (ValueLayout::Decimal, ScalarValues::Decimal(values, scale)) => {
                write_decimal(i256::from_i128(values.value(row)), *scale, out);
            }
            (ValueLayout::Decimal, ScalarValues::WideDecimal(values, scale)) => {
                write_decimal(values.value(row), *scale, out);
            }
            _ => return Err("the column is not of its schema's type".to_owned()),
        }
        Ok(())
    }
}

/// A scalar as it stands in the bytes.
enum Scalar<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

impl Scalar<'_> {
    #[inline]
    fn is_default(&self) -> bool {
        match self {
            Scalar::Varint(number) | Scalar::Fixed64(number) => *number == 0,
            Scalar::Fixed32(number) => *number == 0,
            Scalar::Bytes(bytes) => bytes.is_empty(),
        }
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Scalar::Varint(number) => write_varint(*number, out),
            Scalar::Fixed64(number) => out.extend_from_slice(&number.to_le_bytes()),
            Scalar::Fixed32(number) => out.extend_from_slice(&number.to_le_bytes()),
            Scalar::Bytes(bytes) => write_bytes(bytes, out),
        }
    }
}

fn default<'a>(encoding: &Encoding) -> Scalar<'a> {
    match encoding.wire() {
        WireType::Varint => Scalar::Varint(0),
        WireType::Fixed64 => Scalar::Fixed64(0),
        WireType::Fixed32 => Scalar::Fixed32(0),
        WireType::Bytes => Scalar::Bytes(&[]),
    }
}

/// A value that is not null.
#[inline]
fn scalar<'a>(
    encoding: &Encoding,
    values: &'a ScalarValues<'_>,
    row: usize,
) -> std::result::Result<Scalar<'a>, String> {
    let whole = match (values, encoding) {
        (ScalarValues::String(values), Encoding::Enum(names)) => {
            return Ok(Scalar::Varint(i64::from(names.number(values.value(row))?) as u64));
        }
        (ScalarValues::String(values), Encoding::String) => {
            return Ok(Scalar::Bytes(values.value(row).as_bytes()));
        }
        (ScalarValues::String(values), key) => key_number(key, values.value(row))?,
        (ScalarValues::Bytes(values), _) => return Ok(Scalar::Bytes(values.value(row))),
        (ScalarValues::Double(values), Encoding::Float) => {
            return Ok(Scalar::Fixed32((values.value(row) as f32).to_bits()));
        }
        (ScalarValues::Double(values), _) => return Ok(Scalar::Fixed64(values.value(row).to_bits())),
        (ScalarValues::Boolean(values), _) => return Ok(Scalar::Varint(u64::from(values.value(row)))),
        (ScalarValues::Integer(values), _) => i64::from(values.value(row)),
        (ScalarValues::Bigint(values), _) => values.value(row),
        (ScalarValues::Date(values), _) => i64::from(values.value(row)),
        (ScalarValues::Time(values), _) => i64::from(values.value(row)),
        (ScalarValues::Timestamp(values), _) => values.value(row),
        (ScalarValues::Decimal(..) | ScalarValues::WideDecimal(..), _) => {
            return Err("a decimal is no scalar".to_owned());
        }
    };
    let out_of_range = |_| format!("{whole} is out of range for the field");
    Ok(match encoding {
        Encoding::Int32 => Scalar::Varint(i64::from(i32::try_from(whole).map_err(out_of_range)?) as u64),
        Encoding::Sint32 => Scalar::Varint(zigzag(i64::from(i32::try_from(whole).map_err(out_of_range)?))),
        Encoding::Uint32 => Scalar::Varint(u64::from(u32::try_from(whole).map_err(out_of_range)?)),
        Encoding::Fixed32 => Scalar::Fixed32(u32::try_from(whole).map_err(out_of_range)?),
        Encoding::Sfixed32 => Scalar::Fixed32(i32::try_from(whole).map_err(out_of_range)? as u32),
        Encoding::Sint64 => Scalar::Varint(zigzag(whole)),
        Encoding::Fixed64 => Scalar::Fixed64(whole as u64),
        _ => Scalar::Varint(whole as u64),
    })
}

/// The number that the text of a map's key stands for.
fn key_number(encoding: &Encoding, text: &str) -> std::result::Result<i64, String> {
    let number = match encoding {
        Encoding::Bool => text.parse::<bool>().map(i64::from).ok(),
        _ => text.parse().ok(),
    };
    number.ok_or_else(|| format!("the key '{text}' is not of the type that the schema has for keys"))
}

/// Writes numbers as the first fields of a message; those that are 0 are left out.
fn write_numbers<const COUNT: usize>(numbers: [i64; COUNT], out: &mut Vec<u8>) {
    for (field, number) in (1..).zip(numbers) {
        if number != 0 {
            write_tag(field, WireType::Varint, out);
            write_varint(number as u64, out);
        }
    }
}

fn write_decimal(unscaled: i256, scale: i8, out: &mut Vec<u8>) {
    let bytes = unscaled.to_be_bytes();
    // As few bytes as keep the number and its sign.
    let sign = if unscaled.is_negative() { 0xff } else { 0 };
    let mut start = bytes.iter().take_while(|byte| **byte == sign).count().min(bytes.len() - 1);
    if start > 0 && bytes[start] & 0x80 != sign & 0x80 {
        start -= 1;
    }
    write_tag(1, WireType::Bytes, out);
    write_bytes(&bytes[start..], out);
    let digits = unscaled.checked_abs().and_then(i256::checked_ilog10).map_or(1, |power| power + 1);
    write_tag(2, WireType::Varint, out);
    write_varint(u64::from(digits), out);
    if scale != 0 {
        write_tag(3, WireType::Varint, out);
        write_varint(i64::from(scale) as u64, out);
    }
}

fn within_field(name: &str, reason: &str) -> String {
    match reason.strip_prefix("column ") {
        Some(inner) => format!("column `{name}`->{inner}"),
        None => format!("column `{name}`: {reason}"),
    }
}

fn unexpected(what: &str) -> Error {
    Error::internal(format!("the column of {what} is not of its schema's type"))
}
