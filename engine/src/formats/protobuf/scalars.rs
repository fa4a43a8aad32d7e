//! Single values of messages to column builders: scalars, and messages that stand for one value.
//!
//! Every append adds one entry, whatever it returns.

use arrow::datatypes::{DataType, i256};
use chrono::NaiveDate;

use super::decode_plan::ValuePlan;
use super::encoding::Encoding;
use super::reason::{Outcome, Reason};
use super::wire::{Malformed, WireFields, WireType, WireValue};
use crate::formats::column_builder::MapBuilder;
use crate::formats::java_double::write_double;
use crate::formats::scalar::{Fault, ScalarBuilder};
use crate::formats::sql_type::type_name;

/// A value as it stands in the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// What a field holds; nothing if it is laid out otherwise than its schema says, as a field of
    /// another schema may be.
    #[inline]
    pub(super) fn of(value: WireValue<'a>, wire: WireType) -> Option<Value<'a>> {
        match (value, wire) {
            (WireValue::Varint(number), WireType::Varint)
            | (WireValue::Fixed64(number), WireType::Fixed64) => Some(Value::Number(number)),
            (WireValue::Fixed32(number), WireType::Fixed32) => Some(Value::Number(u64::from(number))),
            (WireValue::Bytes(bytes), WireType::Bytes) => Some(Value::Bytes(bytes)),
            _ => None,
        }
    }

    /// What a field that is not set holds.
    pub(super) fn default_of(encoding: &Encoding) -> Value<'a> {
        match encoding.wire() {
            WireType::Bytes => Value::Bytes(&[]),
            _ => Value::Number(0),
        }
    }
}

/// The scalar that a message has as its first field: the value of a wrapper, the key of an entry.
pub(super) fn first_field<'a>(message: &'a [u8], encoding: &Encoding) -> Result<Value<'a>, Malformed> {
    let mut fields = WireFields::new(message);
    let mut found = Value::default_of(encoding);
    while let Some((number, value)) = fields.next()? {
        if number == 1
            && let Some(value) = Value::of(value, encoding.wire())
        {
            found = value;
        }
    }
    Ok(found)
}

/// The numbers of a message's first fields.
fn numbers<const COUNT: usize>(message: &[u8]) -> Result<[i64; COUNT], Malformed> {
    let mut fields = WireFields::new(message);
    let mut found = [0; COUNT];
    while let Some((number, value)) = fields.next()? {
        if let WireValue::Varint(value) = value
            && let Some(slot) = found.get_mut(number as usize - 1)
        {
            *slot = value as i64;
        }
    }
    Ok(found)
}

/// Appends a map's key, unless it fails.
pub(super) fn append_key(encoding: &Encoding, key: Value<'_>, map: &mut MapBuilder) -> Outcome {
    match key {
        Value::Bytes(bytes) => map.keys.append_value(utf8(bytes)?),
        Value::Number(number) => match encoding {
            Encoding::Bool => map.keys.append_value(if number == 0 { "false" } else { "true" }),
            Encoding::Enum(names) => names.with_name(number as i32, |name| map.keys.append_value(name)),
            other => map.keys.append_value(itoa::Buffer::new().format(other.integer(number))),
        },
    }
    Ok(())
}

/// Appends one entry, whatever it returns.
#[inline]
pub(super) fn append_scalar(plan: &ValuePlan, value: Value<'_>, column: &mut ScalarBuilder) -> Outcome {
    let result = match (plan, value) {
        (ValuePlan::Scalar(encoding), Value::Number(number)) => {
            return append_number(encoding, number, column);
        }
        (ValuePlan::Scalar(_), Value::Bytes(bytes)) => return append_bytes(bytes, column),
        (ValuePlan::Wrapper(encoding), Value::Bytes(bytes)) => match first_field(bytes, encoding) {
            Ok(Value::Number(number)) => return append_number(encoding, number, column),
            Ok(Value::Bytes(bytes)) => return append_bytes(bytes, column),
            Err(malformed) => Err(malformed.into()),
        },
        (ValuePlan::Timestamp, Value::Bytes(bytes)) => timestamp(bytes),
        (ValuePlan::Date, Value::Bytes(bytes)) => date(bytes),
        (ValuePlan::Time, Value::Bytes(bytes)) => time(bytes),
        (ValuePlan::Decimal, Value::Bytes(bytes)) => return append_decimal(bytes, column),
        (_, _) => Err(Reason::unplanned("value")),
    };
    match result {
        Ok(whole) => append_integer(whole, column),
        Err(reason) => {
            column.append_null();
            Err(reason)
        }
    }
}

#[inline]
fn append_number(encoding: &Encoding, number: u64, column: &mut ScalarBuilder) -> Outcome {
    match (column, encoding) {
        (ScalarBuilder::Bigint(values), encoding) => values.append_value(encoding.integer(number)),
        (ScalarBuilder::Double(values), Encoding::Double) => values.append_value(f64::from_bits(number)),
        (ScalarBuilder::Double(values), _) => values.append_value(f64::from(f32::from_bits(number as u32))),
        (ScalarBuilder::Boolean(values), _) => values.append_value(number != 0),
        (ScalarBuilder::String(values), Encoding::Enum(names)) => {
            names.with_name(number as i32, |name| values.append_value(name));
        }
        (ScalarBuilder::String(values), Encoding::Bool) => {
            values.append_value(if number == 0 { "false" } else { "true" });
        }
        (ScalarBuilder::String(values), Encoding::Double | Encoding::Float) => {
            let number = match encoding {
                Encoding::Double => f64::from_bits(number),
                // The shortest digits of the narrower number, not those of its wider form.
                _ => f32::from_bits(number as u32).to_string().parse().unwrap_or(f64::NAN),
            };
            let mut text = Vec::new();
            write_double(number, &mut text);
            values.append_value(String::from_utf8_lossy(&text));
        }
        (column, encoding) => return append_integer(encoding.integer(number), column),
    }
    Ok(())
}

fn append_bytes(bytes: &[u8], column: &mut ScalarBuilder) -> Outcome {
    match column {
        ScalarBuilder::String(values) => match utf8(bytes) {
            Ok(text) => values.append_value(text),
            Err(reason) => {
                values.append_null();
                return Err(reason);
            }
        },
        ScalarBuilder::Bytes { values, .. } => values.append_value(bytes),
        other => {
            other.append_null();
            return Err(Reason::unplanned("value"));
        }
    }
    Ok(())
}

fn append_integer(whole: i64, column: &mut ScalarBuilder) -> Outcome {
    if let ScalarBuilder::String(values) = column {
        values.append_value(itoa::Buffer::new().format(whole));
        return Ok(());
    }
    let result = column.append_integer(whole);
    result.map_err(|fault| {
        Reason::new(match fault {
            Fault::Range => format!("{whole} is out of range"),
            _ => format!("{whole} does not fit the column"),
        })
    })
}

fn append_decimal(message: &[u8], column: &mut ScalarBuilder) -> Outcome {
    let (precision, scale) = match column {
        ScalarBuilder::Decimal { precision, scale, .. }
        | ScalarBuilder::WideDecimal { precision, scale, .. } => (*precision, *scale),
        other => {
            other.append_null();
            return Err(Reason::unplanned("decimal"));
        }
    };
    let value = match decimal(message, precision, scale) {
        Ok(value) => value,
        Err(reason) => {
            column.append_null();
            return Err(reason);
        }
    };
    match column {
        ScalarBuilder::Decimal { values, .. } => values.append_value(value.as_i128()),
        ScalarBuilder::WideDecimal { values, .. } => values.append_value(value),
        other => other.append_null(),
    }
    Ok(())
}

/// Milliseconds since the epoch.
fn timestamp(message: &[u8]) -> Result<i64, Box<Reason>> {
    let [seconds, nanos] = numbers(message)?;
    if !(0..1_000_000_000).contains(&nanos) {
        return Err(Reason::new(format!("a Timestamp of {nanos} nanoseconds")));
    }
    let milliseconds = seconds.checked_mul(1_000).and_then(|whole| whole.checked_add(nanos / 1_000_000));
    milliseconds.ok_or_else(|| Reason::new(format!("a Timestamp of {seconds} seconds is out of range")))
}

/// Days since the epoch.
fn date(message: &[u8]) -> Result<i64, Box<Reason>> {
    let [year, month, day] = numbers(message)?;
    let part = |part: i64| u32::try_from(part).ok();
    let date = i32::try_from(year)
        .ok()
        .filter(|year| *year > 0)
        .zip(part(month))
        .zip(part(day))
        .and_then(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day));
    match date {
        Some(date) => Ok(i64::from(date.to_epoch_days())),
        None => Err(Reason::new(format!("there is no date of year {year}, month {month} and day {day}"))),
    }
}

/// Milliseconds of the day.
fn time(message: &[u8]) -> Result<i64, Box<Reason>> {
    let [hours, minutes, seconds, nanos] = numbers(message)?;
    let is_time = (0..24).contains(&hours)
        && (0..60).contains(&minutes)
        && (0..60).contains(&seconds)
        && (0..1_000_000_000).contains(&nanos);
    if !is_time {
        return Err(Reason::new(format!(
            "there is no time of day {hours}:{minutes}:{seconds} and {nanos} ns"
        )));
    }
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000 + nanos / 1_000_000)
}

/// The unscaled value of a decimal in a column's precision and scale.
fn decimal(message: &[u8], precision: u8, scale: i8) -> Result<i256, Box<Reason>> {
    let mut fields = WireFields::new(message);
    let (mut unscaled, mut written_scale) = (&[][..], 0i32);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, WireValue::Bytes(bytes)) => unscaled = bytes,
            (3, WireValue::Varint(value)) => written_scale = value as i32,
            _ => {}
        }
    }
    let value = big_integer(unscaled)
        .ok_or_else(|| Reason::new(format!("a Decimal of {} bytes; 1 to 32 are read", unscaled.len())))?;
    let misfit = |how: &str| {
        let target = type_name(&DataType::Decimal256(precision, scale));
        Reason::new(format!("{value} with {written_scale} decimal places {how} {target}"))
    };
    let shift = i64::from(scale) - i64::from(written_scale);
    let ten = i256::from_i128(10);
    // No shift beyond the digits of 256 bits leaves anything but zero.
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|power| ten.checked_pow(power));
    let rescaled = match power {
        _ if value == i256::ZERO => Some(value),
        Some(power) if shift >= 0 => value.checked_mul(power),
        Some(power) if value.checked_rem(power) == Some(i256::ZERO) => value.checked_div(power),
        None if shift >= 0 => None,
        _ => return Err(misfit("does not fit without rounding")),
    };
    let limit = ten.checked_pow(u32::from(precision)).unwrap_or(i256::MAX);
    rescaled
        .filter(|value| value.checked_abs().is_some_and(|magnitude| magnitude < limit))
        .ok_or_else(|| misfit("is out of range for"))
}

/// A number of either sign, its highest byte first.
fn big_integer(bytes: &[u8]) -> Option<i256> {
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
    // Bytes in front that only repeat the sign say nothing.
    let redundant = bytes.len().saturating_sub(32);
    if bytes[..redundant].iter().any(|byte| *byte != sign) {
        return None;
    }
    let mut padded = [sign; 32];
    let bytes = &bytes[redundant..];
    padded[32 - bytes.len()..].copy_from_slice(bytes);
    Some(i256::from_be_bytes(padded)).filter(|value| value.is_negative() == (sign != 0))
}

fn utf8(bytes: &[u8]) -> Result<&str, Box<Reason>> {
    std::str::from_utf8(bytes)
        .map_err(|error| Reason::new(format!("text that is not UTF-8 at byte {}", error.valid_up_to())))
}
