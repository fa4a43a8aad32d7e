//! Cells in Postgres' binary format.

use bytes::{BufMut, BytesMut};

use super::calendar::{postgres_days, postgres_micros};
use super::number::write_numeric;
use super::text::write_text;
use super::values::{ArrayValues, ColumnValues, Values};

/// Version of jsonb's binary format, which stands before the text.
const JSONB_VERSION: u8 = 1;

/// Length that says null.
const NULL_LENGTH: i32 = -1;

/// Writes a cell that is not null.
pub(in crate::postgres) fn write_binary(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    match &column.values {
        Values::Null => {}
        Values::Boolean(values) => out.put_u8(u8::from(values.value(row))),
        Values::Int16(values) => out.put_i16(values.value(row)),
        Values::Int32(values) => out.put_i32(values.value(row)),
        Values::Int64(values) => out.put_i64(values.value(row)),
        Values::Oid(values) => out.put_u32(values.value(row)),
        Values::Float32(values) => out.put_f32(values.value(row)),
        Values::Float64(values) => out.put_f64(values.value(row)),
        Values::Decimal128(values, scale) => {
            let value = values.value(row);
            let mut digits = itoa::Buffer::new();
            write_numeric(value < 0, digits.format(value.unsigned_abs()), *scale, out);
        }
        Values::Decimal256(values, scale) => {
            let digits = values.value(row).to_string();
            write_numeric(digits.starts_with('-'), digits.trim_start_matches('-'), *scale, out);
        }
        Values::Text(_) | Values::LargeText(_) | Values::TextView(_) => write_text(column, row, out),
        Values::Bytes(values) => out.put_slice(values.value(row)),
        Values::LargeBytes(values) => out.put_slice(values.value(row)),
        Values::BytesView(values) => out.put_slice(values.value(row)),
        Values::Date(values) => out.put_i32(postgres_days(values.value(row))),
        Values::Time(values) => out.put_i64(values.value(row)),
        Values::Timestamp(values) | Values::TimestampWithZone(values) => {
            out.put_i64(postgres_micros(values.value(row)));
        }
        Values::Interval(values) => {
            let interval = values.value(row);
            out.put_i64(interval.nanoseconds / 1_000);
            out.put_i32(interval.days);
            out.put_i32(interval.months);
        }
        Values::Array(values) => write_array(values, row, out),
        Values::Json(values) => {
            out.put_u8(JSONB_VERSION);
            values.write(row, out);
        }
    }
}

/// Writes a cell behind its length; null is a length without bytes.
pub(super) fn write_binary_with_length(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    if column.is_null(row) {
        out.put_i32(NULL_LENGTH);
        return;
    }
    with_length(out, |out| write_binary(column, row, out));
}

/// The same in text format.
pub(super) fn write_text_with_length(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    if column.is_null(row) {
        out.put_i32(NULL_LENGTH);
        return;
    }
    with_length(out, |out| write_text(column, row, out));
}

/// Writes what `write` writes behind its length in bytes.
fn with_length(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let length_at = out.len();
    out.put_i32(0);
    let start = out.len();
    write(out);
    let length = (out.len() - start) as i32;
    out[length_at..start].copy_from_slice(&length.to_be_bytes());
}

fn write_array(arrays: &ArrayValues, row: usize, out: &mut BytesMut) {
    let (start, end) = arrays.bounds(row);
    let has_null = (start..end).any(|index| arrays.elements.is_null(index));
    let dimensions = i32::from(end > start);
    out.put_i32(dimensions);
    out.put_i32(i32::from(has_null));
    out.put_u32(arrays.element_oid);
    if dimensions == 0 {
        return;
    }
    out.put_i32((end - start) as i32);
    // Arrays begin at subscript 1.
    out.put_i32(1);
    for index in start..end {
        write_binary_with_length(&arrays.elements, index, out);
    }
}
