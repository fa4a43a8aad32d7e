//! A column of a batch, ready to be written cell by cell.
//!
//! Arrow has several representations for what is one type to a client (offsets of 32 or 64 bits, views,
//! dictionaries, time units). Those that are cheap to read in place stay as they are; the others are
//! brought to one form here, once per batch.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Decimal256Array, Float32Array, Float64Array, Int16Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, LargeBinaryArray, LargeStringArray, ListArray, PrimitiveArray, StringArray,
    StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, IntervalUnit, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use tidemill_engine::Result;

use super::json::JsonValues;
use crate::postgres::column_type;

/// A column and which of its cells are null.
pub(in crate::postgres) struct ColumnValues {
    nulls: Option<NullBuffer>,
    pub(super) values: Values,
}

/// The forms a column is written from.
pub(super) enum Values {
    /// Nothing but nulls.
    Null,
    Boolean(BooleanArray),
    Int16(Int16Array),
    Int32(Int32Array),
    Int64(Int64Array),
    Oid(UInt32Array),
    Float32(Float32Array),
    Float64(Float64Array),
    Decimal128(Decimal128Array, i8),
    Decimal256(Decimal256Array, i8),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    BytesView(BinaryViewArray),
    Date(Date32Array),
    Time(Time64MicrosecondArray),
    Timestamp(TimestampMicrosecondArray),
    TimestampWithZone(TimestampMicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Array(ArrayValues),
    Json(Box<JsonValues>),
}

/// A column of one-dimensional arrays.
pub(super) struct ArrayValues {
    pub(super) offsets: OffsetBuffer<i32>,
    pub(super) elements: Box<ColumnValues>,
    /// Object identifier of the elements' type.
    pub(super) element_oid: u32,
}

impl ColumnValues {
    /// Prepares a column.
    ///
    /// # Errors
    /// For a list of more elements than Arrow's 32-bit offsets can tell apart.
    pub(in crate::postgres) fn new(array: &ArrayRef) -> Result<ColumnValues> {
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        Ok(ColumnValues { nulls, values: values(array)? })
    }

    /// Whether a cell is null.
    pub(in crate::postgres) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }
}

fn values(array: &ArrayRef) -> Result<Values> {
    use arrow::datatypes::{
        Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type,
        Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, UInt32Type,
    };
    Ok(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
        DataType::Int16 => Values::Int16(array.as_primitive::<Int16Type>().clone()),
        DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>().clone()),
        DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>().clone()),
        DataType::UInt32 => Values::Oid(array.as_primitive::<UInt32Type>().clone()),
        DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>().clone()),
        DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>().clone()),
        DataType::Decimal128(_, scale) => {
            Values::Decimal128(array.as_primitive::<Decimal128Type>().clone(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            Values::Decimal256(array.as_primitive::<Decimal256Type>().clone(), *scale)
        }
        DataType::Utf8 => Values::Text(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 => Values::LargeText(array.as_string::<i64>().clone()),
        DataType::Utf8View => Values::TextView(array.as_string_view().clone()),
        DataType::Binary => Values::Bytes(array.as_binary::<i32>().clone()),
        DataType::LargeBinary => Values::LargeBytes(array.as_binary::<i64>().clone()),
        DataType::BinaryView => Values::BytesView(array.as_binary_view().clone()),
        DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().clone()),
        DataType::Time64(TimeUnit::Microsecond) => {
            Values::Time(array.as_primitive::<Time64MicrosecondType>().clone())
        }
        DataType::Timestamp(unit, zone) => {
            let micros = timestamp_micros(array, *unit);
            if zone.is_some() { Values::TimestampWithZone(micros) } else { Values::Timestamp(micros) }
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            Values::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
        }
        DataType::List(_) => match column_type::element_type(&column_type::wire_type(array.data_type())) {
            Some(element) => array_values(array.as_list::<i32>(), element.oid())?,
            None => Values::Json(Box::new(JsonValues::new(array)?)),
        },
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => {
            Values::Json(Box::new(JsonValues::new(array)?))
        }
        // Everything else is another representation of a type above.
        other => return values(&converted(array, &main_representation(other))?),
    })
}

fn array_values(list: &ListArray, element_oid: u32) -> Result<Values> {
    Ok(Values::Array(ArrayValues {
        offsets: list.offsets().clone(),
        elements: Box::new(ColumnValues::new(list.values())?),
        element_oid,
    }))
}

/// The type that [`values`] reads in place and that says the same.
fn main_representation(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        // Twenty digits hold every unsigned 64-bit number.
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Float16 => DataType::Float32,
        DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Interval(_) | DataType::Duration(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => DataType::List(field.clone()),
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::RunEndEncoded(_, values) => values.data_type().clone(),
        _ => DataType::Utf8,
    }
}

fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, to, &options)?)
}

/// Microseconds since 1970; what they cannot hold becomes the end of their range, which is shown as
/// `infinity`.
fn timestamp_micros(array: &ArrayRef, unit: TimeUnit) -> TimestampMicrosecondArray {
    fn scaled<T: arrow::datatypes::ArrowPrimitiveType<Native = i64>>(
        array: &PrimitiveArray<T>,
        factor: i64,
    ) -> TimestampMicrosecondArray {
        array.unary::<_, TimestampMicrosecondType>(|value| value.saturating_mul(factor))
    }
    match unit {
        TimeUnit::Second => scaled(array.as_primitive::<TimestampSecondType>(), 1_000_000),
        TimeUnit::Millisecond => scaled(array.as_primitive::<TimestampMillisecondType>(), 1_000),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().clone(),
        TimeUnit::Nanosecond => array
            .as_primitive::<TimestampNanosecondType>()
            .unary::<_, TimestampMicrosecondType>(|value| value.div_euclid(1_000)),
    }
}
