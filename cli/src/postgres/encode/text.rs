//! Cells in Postgres' text format.

use bytes::{BufMut, BytesMut};

use super::calendar::{write_date, write_interval, write_time, write_timestamp};
use super::number::{write_decimal, write_float32, write_float64};
use super::values::{ArrayValues, ColumnValues, Values};

/// Writes a cell that is not null.
pub(in crate::postgres) fn write_text(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    match &column.values {
        Values::Null => {}
        Values::Boolean(values) => out.put_u8(if values.value(row) { b't' } else { b'f' }),
        Values::Int16(values) => write_integer(values.value(row), out),
        Values::Int32(values) => write_integer(values.value(row), out),
        Values::Int64(values) => write_integer(values.value(row), out),
        Values::Oid(values) => write_integer(values.value(row), out),
        Values::Float32(values) => write_float32(values.value(row), out),
        Values::Float64(values) => write_float64(values.value(row), out),
        Values::Decimal128(values, scale) => {
            let value = values.value(row);
            let mut digits = itoa::Buffer::new();
            write_decimal(value < 0, digits.format(value.unsigned_abs()), *scale, out);
        }
        Values::Decimal256(values, scale) => {
            let digits = values.value(row).to_string();
            write_decimal(digits.starts_with('-'), digits.trim_start_matches('-'), *scale, out);
        }
        Values::Text(values) => write_characters(values.value(row), out),
        Values::LargeText(values) => write_characters(values.value(row), out),
        Values::TextView(values) => write_characters(values.value(row), out),
        Values::Bytes(values) => write_hex(values.value(row), out),
        Values::LargeBytes(values) => write_hex(values.value(row), out),
        Values::BytesView(values) => write_hex(values.value(row), out),
        Values::Date(values) => write_date(values.value(row), out),
        Values::Time(values) => write_time(values.value(row), out),
        Values::Timestamp(values) => write_timestamp(values.value(row), b' ', false, out),
        Values::TimestampWithZone(values) => write_timestamp(values.value(row), b' ', true, out),
        Values::Interval(values) => write_interval(values.value(row), out),
        Values::Array(values) => write_array(values, row, out),
        Values::Json(values) => values.write(row, out),
    }
}

/// Writes characters. U+0000, which Postgres' texts cannot hold and clients take for their end, becomes the
/// replacement character.
fn write_characters(text: &str, out: &mut BytesMut) {
    for (index, part) in text.split('\0').enumerate() {
        if index > 0 {
            out.put_slice(char::REPLACEMENT_CHARACTER.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.put_slice(part.as_bytes());
    }
}

fn write_integer(value: impl itoa::Integer, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn write_hex(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + 2 * bytes.len());
    out.put_slice(b"\\x");
    for byte in bytes {
        out.put_u8(DIGITS[usize::from(byte >> 4)]);
        out.put_u8(DIGITS[usize::from(byte & 0x0f)]);
    }
}

fn write_array(arrays: &ArrayValues, row: usize, out: &mut BytesMut) {
    let (start, end) = arrays.bounds(row);
    out.put_u8(b'{');
    for index in start..end {
        if index > start {
            out.put_u8(b',');
        }
        if arrays.elements.is_null(index) {
            out.put_slice(b"NULL");
        } else {
            let element_start = out.len();
            write_text(&arrays.elements, index, out);
            if needs_quotes(&out[element_start..]) {
                let element = out.split_off(element_start);
                write_quoted(&element, out);
            }
        }
    }
    out.put_u8(b'}');
}

/// Whether an element would be misread without quotes: empty, the word NULL, or with a character that
/// means something in an array.
fn needs_quotes(element: &[u8]) -> bool {
    element.is_empty()
        || element.eq_ignore_ascii_case(b"null")
        || element.iter().any(|byte| {
            matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace() || *byte == 0x0b
        })
}

fn write_quoted(element: &[u8], out: &mut BytesMut) {
    out.put_u8(b'"');
    for byte in element {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

impl ArrayValues {
    /// First and one past the last element of a row's array.
    pub(super) fn bounds(&self, row: usize) -> (usize, usize) {
        // Arrow keeps offsets non-negative and rising.
        (self.offsets[row] as usize, self.offsets[row + 1] as usize)
    }
}
