//! Values of parameters, from text or binary format to the engine's scalars.

use arrow::datatypes::{DataType, IntervalMonthDayNano};
use bytes::{Buf, Bytes};
use pgwire::api::Type;
use tidemill_engine::ScalarValue;
use tidemill_sql::analyzer::time_text::parse_timestamp;

use super::column_type::{element_type, parameter_type};
use super::encode::Format;
use super::failure::Failure;
use super::sqlstate::SqlState;

/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Days and microseconds from 1970-01-01 to 2000-01-01, where Postgres counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Digits a decimal of the engine holds.
const DECIMAL_DIGITS_MAX: usize = 38;

/// Decimal digits of a group in the binary format of numerics.
const GROUP_DIGITS: i32 = 4;

/// Sign words of a binary numeric.
const NUMERIC_POSITIVE: u16 = 0x0000;
const NUMERIC_NEGATIVE: u16 = 0x4000;

/// The values of a Bind message's parameters.
///
/// # Errors
/// Where the count is not the statement's, or a value is none of its type.
pub(super) fn read_parameters(
    types: &[Type],
    format_codes: &[i16],
    values: &[Option<Bytes>],
) -> Result<Vec<ScalarValue>, Failure> {
    if values.len() != types.len() {
        return Err(Failure::new(
            SqlState::PROTOCOL_VIOLATION,
            format!(
                "bind message supplies {} parameters, but the prepared statement requires {}",
                values.len(),
                types.len()
            ),
        ));
    }
    if format_codes.len() > 1 && format_codes.len() != values.len() {
        return Err(Failure::new(
            SqlState::PROTOCOL_VIOLATION,
            format!(
                "bind message has {} parameter formats but {} parameters",
                format_codes.len(),
                values.len()
            ),
        ));
    }
    types
        .iter()
        .zip(values)
        .enumerate()
        .map(|(index, (wire_type, value))| {
            // One code is for all of them, none means text.
            let code = format_codes.get(index).or_else(|| format_codes.first()).copied().unwrap_or(0);
            let Some(bytes) = value else {
                return null(wire_type);
            };
            match Format::from_code(code)? {
                Format::Text => read_text(wire_type, bytes, index + 1),
                Format::Binary => read_binary(wire_type, bytes.clone(), index + 1),
            }
        })
        .collect()
}

fn null(wire_type: &Type) -> Result<ScalarValue, Failure> {
    match parameter_type(wire_type) {
        Some(data_type) => ScalarValue::try_new_null(&data_type)
            .map_err(|error| Failure::new(SqlState::INTERNAL_ERROR, error.to_string())),
        None => Ok(ScalarValue::Null),
    }
}

fn read_text(wire_type: &Type, bytes: &[u8], number: usize) -> Result<ScalarValue, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| not_utf8(number))?;
    let value = text_value(wire_type, text);
    // ROWTIME and the bounds of windows are told as BIGINT, and compared with times as texts too.
    let is_time = || *wire_type == Type::INT8 && parse_timestamp(text).is_some();
    value.or_else(|| is_time().then(|| ScalarValue::Utf8(Some(text.to_owned())))).ok_or_else(|| {
        Failure::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type {wire_type}: \"{text}\" (parameter ${number})"),
        )
    })
}

/// A value from its text; `None` where it is none.
fn text_value(wire_type: &Type, text: &str) -> Option<ScalarValue> {
    match *wire_type {
        Type::NUMERIC => decimal(text),
        Type::BYTEA => bytea(text).map(|bytes| ScalarValue::Binary(Some(bytes))),
        _ => {
            if let Some(element) = element_type(wire_type) {
                let elements = array_elements(text)?
                    .into_iter()
                    .map(|element_text| match element_text {
                        Some(element_text) => text_value(&element, &element_text),
                        None => null(&element).ok(),
                    })
                    .collect::<Option<Vec<_>>>()?;
                return list(&element, elements);
            }
            let string = ScalarValue::Utf8(Some(text.to_owned()));
            match parameter_type(wire_type) {
                None | Some(DataType::Utf8) => Some(string),
                // Arrow's reading of texts is as liberal as Postgres', apart from spaces around them.
                Some(data_type) => ScalarValue::Utf8(Some(text.trim().to_owned()))
                    .cast_to(&data_type)
                    .ok()
                    .filter(|value| !value.is_null()),
            }
        }
    }
}

fn list(element: &Type, elements: Vec<ScalarValue>) -> Option<ScalarValue> {
    // Decimals of one list need one scale.
    let data_type = match parameter_type(element) {
        Some(data_type) => data_type,
        None => elements.iter().find(|value| !value.is_null()).map_or(DataType::Utf8, ScalarValue::data_type),
    };
    let elements: Vec<ScalarValue> =
        elements.into_iter().map(|value| value.cast_to(&data_type).ok()).collect::<Option<_>>()?;
    Some(ScalarValue::List(ScalarValue::new_list(&elements, &data_type, true)))
}

fn read_binary(wire_type: &Type, bytes: Bytes, number: usize) -> Result<ScalarValue, Failure> {
    if let Some(element) = element_type(wire_type) {
        return read_binary_array(wire_type, &element, bytes, number);
    }
    let malformed = || incorrect_binary(wire_type, number);
    let mut rest = bytes.clone();
    let value = match *wire_type {
        Type::BOOL => rest.try_get_u8().ok().map(|byte| ScalarValue::Boolean(Some(byte != 0))),
        Type::INT2 => rest.try_get_i16().ok().map(|value| ScalarValue::Int16(Some(value))),
        Type::INT4 => rest.try_get_i32().ok().map(|value| ScalarValue::Int32(Some(value))),
        Type::INT8 => rest.try_get_i64().ok().map(|value| ScalarValue::Int64(Some(value))),
        Type::OID => rest.try_get_u32().ok().map(|value| ScalarValue::UInt32(Some(value))),
        Type::FLOAT4 => rest.try_get_f32().ok().map(|value| ScalarValue::Float32(Some(value))),
        Type::FLOAT8 => rest.try_get_f64().ok().map(|value| ScalarValue::Float64(Some(value))),
        Type::DATE => rest
            .try_get_i32()
            .ok()
            .and_then(|days| days.checked_add(EPOCH_DAYS))
            .map(|days| ScalarValue::Date32(Some(days))),
        Type::TIME => time(&mut rest).map(|millis| ScalarValue::Time32Millisecond(Some(millis))),
        Type::TIMESTAMP => {
            instant(&mut rest).map(|micros| ScalarValue::TimestampMicrosecond(Some(micros), None))
        }
        Type::TIMESTAMPTZ => instant(&mut rest)
            .map(|micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()))),
        Type::INTERVAL => interval(&mut rest),
        Type::NUMERIC => return read_binary_numeric(bytes, number),
        Type::BYTEA => return Ok(ScalarValue::Binary(Some(bytes.into()))),
        Type::UUID => {
            let uuid = uuid::Uuid::from_slice(&rest).ok();
            rest.clear();
            uuid.map(|uuid| ScalarValue::Utf8(Some(uuid.to_string())))
        }
        Type::JSONB => {
            // The text stands behind a version.
            return match rest.try_get_u8() {
                Ok(1) => utf8(rest, number),
                _ => Err(malformed()),
            };
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::CHAR => {
            return utf8(bytes, number);
        }
        _ => {
            return Err(Failure::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "parameters of type {wire_type} are not supported in binary format (parameter ${number})"
                ),
            )
            .with_hint("send it as text"));
        }
    };
    value.filter(|_| !rest.has_remaining()).ok_or_else(malformed)
}

fn read_binary_array(
    wire_type: &Type,
    element: &Type,
    mut bytes: Bytes,
    number: usize,
) -> Result<ScalarValue, Failure> {
    let malformed = || incorrect_binary(wire_type, number);
    let mut next = || bytes.try_get_i32().map_err(|_| malformed());
    let dimensions = next()?;
    let _has_nulls = next()?;
    let _element_oid = next()?;
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = next()?;
            let _lower_bound = next()?;
            usize::try_from(count).map_err(|_| malformed())?
        }
        _ => {
            return Err(Failure::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("arrays of {dimensions} dimensions are not supported (parameter ${number})"),
            ));
        }
    };
    // Every element has a length at least.
    if count > bytes.remaining() / 4 {
        return Err(malformed());
    }
    let mut elements = Vec::with_capacity(count);
    for _ in 0..count {
        elements.push(match bytes.try_get_i32().map_err(|_| malformed())? {
            -1 => null(element)?,
            length => {
                let length = usize::try_from(length).map_err(|_| malformed())?;
                if length > bytes.remaining() {
                    return Err(malformed());
                }
                read_binary(element, bytes.split_to(length), number)?
            }
        });
    }
    list(element, elements).ok_or_else(malformed)
}

/// Milliseconds since midnight; what is finer is cut off, as the text of a time is.
fn time(bytes: &mut Bytes) -> Option<i32> {
    let micros = bytes.try_get_i64().ok().filter(|micros| (0..DAY_MICROS).contains(micros))?;
    i32::try_from(micros / 1_000).ok()
}

fn instant(bytes: &mut Bytes) -> Option<i64> {
    bytes.try_get_i64().ok()?.checked_add(EPOCH_MICROS)
}

fn interval(bytes: &mut Bytes) -> Option<ScalarValue> {
    let nanoseconds = bytes.try_get_i64().ok()?.checked_mul(1_000)?;
    let days = bytes.try_get_i32().ok()?;
    let months = bytes.try_get_i32().ok()?;
    Some(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanoseconds))))
}

fn utf8(bytes: Bytes, number: usize) -> Result<ScalarValue, Failure> {
    let text = String::from_utf8(bytes.into()).map_err(|_| not_utf8(number))?;
    Ok(ScalarValue::Utf8(Some(text)))
}

/// A numeric: number of groups, weight of the first, sign, digits shown behind the point, groups.
fn read_binary_numeric(mut bytes: Bytes, number: usize) -> Result<ScalarValue, Failure> {
    let malformed = || incorrect_binary(&Type::NUMERIC, number);
    let group_count = i32::from(bytes.try_get_u16().map_err(|_| malformed())?);
    let weight = i32::from(bytes.try_get_i16().map_err(|_| malformed())?);
    let sign = bytes.try_get_u16().map_err(|_| malformed())?;
    let scale = i32::from(bytes.try_get_u16().map_err(|_| malformed())?);
    if sign != NUMERIC_POSITIVE && sign != NUMERIC_NEGATIVE {
        return Err(out_of_range(number).with_hint("decimals here are numbers: no NaN, no infinity"));
    }
    let mut digits: i128 = 0;
    for _ in 0..group_count {
        let group = bytes.try_get_u16().map_err(|_| malformed())?;
        digits = digits
            .checked_mul(10_000)
            .and_then(|digits| digits.checked_add(i128::from(group)))
            .ok_or_else(|| out_of_range(number))?;
    }
    // The last group's lowest digit stands for ten to the power of this.
    let exponent = (weight + 1 - group_count) * GROUP_DIGITS;
    let shift = exponent + scale;
    let power = 10_i128.checked_pow(shift.unsigned_abs()).ok_or_else(|| out_of_range(number))?;
    let unscaled = if shift >= 0 { digits.checked_mul(power) } else { Some(digits / power) };
    let unscaled = unscaled.ok_or_else(|| out_of_range(number))?;
    let signed = if sign == NUMERIC_NEGATIVE { -unscaled } else { unscaled };
    decimal_of(signed, scale).ok_or_else(|| out_of_range(number))
}

/// A decimal from `-12.50` or `1.25e1`.
fn decimal(text: &str) -> Option<ScalarValue> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integer}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.len() > DECIMAL_DIGITS_MAX {
        return None;
    }
    let number: i128 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    // A negative scale stands for zeros before the point.
    let zeros = if scale < 0 { scale.unsigned_abs() } else { 0 };
    let number = number.checked_mul(10_i128.checked_pow(zeros)?)?;
    decimal_of(if negative { -number } else { number }, scale.max(0))
}

fn decimal_of(unscaled: i128, scale: i32) -> Option<ScalarValue> {
    let scale = i8::try_from(scale).ok().filter(|scale| (*scale as usize) <= DECIMAL_DIGITS_MAX)?;
    if unscaled.unsigned_abs() >= 10_u128.pow(DECIMAL_DIGITS_MAX as u32) {
        return None;
    }
    Some(ScalarValue::Decimal128(Some(unscaled), DECIMAL_DIGITS_MAX as u8, scale))
}

/// Bytes from `\x0aff`, or from the older form of characters and `\ooo` escapes.
fn bytea(text: &str) -> Option<Vec<u8>> {
    let Some(hex) = text.strip_prefix("\\x") else {
        return escaped_bytea(text.as_bytes());
    };
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

fn escaped_bytea(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    loop {
        match text {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                text = rest;
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                text = rest;
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                text = rest;
            }
        }
    }
}

/// The elements of `{1,NULL,"a b"}`; `None` where it is no array of one dimension.
fn array_elements(text: &str) -> Option<Vec<Option<String>>> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inside.trim().is_empty() {
        return Some(elements);
    }
    let mut characters = inside.chars().peekable();
    loop {
        while characters.next_if(|character| character.is_whitespace()).is_some() {}
        let mut element = String::new();
        let quoted = characters.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => element.push(characters.next()?),
                    character => element.push(character),
                }
            }
            while characters.next_if(|character| character.is_whitespace()).is_some() {}
        } else {
            while let Some(character) = characters.next_if(|character| *character != ',') {
                match character {
                    '{' | '}' | '"' => return None,
                    '\\' => element.push(characters.next()?),
                    character => element.push(character),
                }
            }
            element.truncate(element.trim_end().len());
            if element.is_empty() {
                return None;
            }
        }
        let is_null = !quoted && element.eq_ignore_ascii_case("null");
        elements.push((!is_null).then_some(element));
        match characters.next() {
            None => return Some(elements),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

fn not_utf8(number: usize) -> Failure {
    Failure::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\" (parameter ${number})"),
    )
}

fn incorrect_binary(wire_type: &Type, number: usize) -> Failure {
    Failure::new(
        SqlState::INVALID_BINARY_REPRESENTATION,
        format!("incorrect binary data format of type {wire_type} (parameter ${number})"),
    )
}

fn out_of_range(number: usize) -> Failure {
    Failure::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!(
            "numeric value out of range: decimals have {DECIMAL_DIGITS_MAX} digits (parameter ${number})"
        ),
    )
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
