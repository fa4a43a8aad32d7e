//! CAST between all types, as ksqlDB converts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    MapArray, StringArray, StructArray, new_null_array,
};
use arrow::compute;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit};
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::cast_text::{parse_date, parse_time, parse_timestamp, text_of};
use super::decimal::fit;
use crate::expressions::failures;

pub(super) fn result_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types {
        [_, to] => Ok(to.clone()),
        other => plan_err!("a cast has a value and a type, not {} arguments", other.len()),
    }
}

pub(super) fn cast(columns: &[ArrayRef], to: &DataType) -> Result<ArrayRef> {
    let Some(value) = columns.first() else { return exec_err!("a cast has a value") };
    convert(value, to)
}

fn convert(value: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let from = value.data_type();
    if from == to {
        return Ok(value.clone());
    }
    Ok(match (from, to) {
        (DataType::Null, _) => new_null_array(to, value.len()),
        (_, DataType::Utf8) => to_text(value)?,
        (DataType::Utf8, _) => return from_text(value.as_string::<i32>(), to),
        (DataType::Float64, DataType::Int32 | DataType::Int64) => float_to_integer(value, to),
        (DataType::Int64, DataType::Int32) => {
            let values = value.as_primitive::<Int64Type>();
            // Java's conversion keeps the low bits.
            Arc::new(values.iter().map(|value| value.map(|value| value as i32)).collect::<Int32Array>())
        }
        (DataType::Decimal128(..), DataType::Int32 | DataType::Int64) => decimal_to_integer(value, to),
        (_, DataType::Decimal128(precision, scale)) => return to_decimal(value, *precision, *scale),
        (DataType::Decimal128(..), DataType::Float64) => {
            let numbers = decimals(value);
            Arc::new(
                numbers.map(|number| number.and_then(|number| number.to_f64())).collect::<Float64Array>(),
            )
        }
        (DataType::Timestamp(..), DataType::Time32(TimeUnit::Millisecond)) => {
            let times = compute::cast(value, &DataType::Int64)?;
            let times = times.as_primitive::<Int64Type>();
            const DAY_MS: i64 = 86_400_000;
            let of_day: Int32Array = times
                .iter()
                .map(|time| time.and_then(|time| i32::try_from(time.rem_euclid(DAY_MS)).ok()))
                .collect();
            compute::cast(&of_day, to)?
        }
        (DataType::List(_), DataType::List(item)) => {
            let list = value.as_list::<i32>();
            let elements = convert(list.values(), item.data_type())?;
            Arc::new(ListArray::try_new(
                item.clone(),
                list.offsets().clone(),
                elements,
                list.nulls().cloned(),
            )?)
        }
        (DataType::Map(..), DataType::Map(entries, ordered)) => {
            let map = value.as_map();
            let DataType::Struct(fields) = entries.data_type() else { return exec_err!("a MAP has entries") };
            let parts = vec![
                convert(map.keys(), fields[0].data_type())?,
                convert(map.values(), fields[1].data_type())?,
            ];
            let parts = StructArray::try_new(fields.clone(), parts, None)?;
            Arc::new(MapArray::try_new(
                entries.clone(),
                map.offsets().clone(),
                parts,
                map.nulls().cloned(),
                *ordered,
            )?)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let value = value.as_struct();
            let columns = fields
                .iter()
                .map(|field| match value.column_by_name(field.name()) {
                    Some(column) => convert(column, field.data_type()),
                    None => Ok(new_null_array(field.data_type(), value.len())),
                })
                .collect::<Result<Vec<ArrayRef>>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, value.nulls().cloned())?)
        }
        // What is left cannot fail, or is Arrow's affair.
        _ => compute::cast(value, to)?,
    })
}

fn to_text(value: &ArrayRef) -> Result<ArrayRef> {
    let texts: StringArray = (0..value.len()).map(|row| text_of(value, row, false)).collect();
    Ok(Arc::new(texts))
}

fn float_to_integer(value: &ArrayRef, to: &DataType) -> ArrayRef {
    let values = value.as_primitive::<Float64Type>();
    // Rust's `as` truncates, saturates and makes NaN 0, as Java's conversion does.
    if *to == DataType::Int32 {
        Arc::new(values.iter().map(|value| value.map(|value| value as i32)).collect::<Int32Array>())
    } else {
        Arc::new(values.iter().map(|value| value.map(|value| value as i64)).collect::<Int64Array>())
    }
}

fn decimals(value: &ArrayRef) -> impl Iterator<Item = Option<BigDecimal>> + '_ {
    let values = value.as_primitive::<Decimal128Type>();
    let scale = i64::from(values.scale());
    values.iter().map(move |value| value.map(|value| BigDecimal::new(value.into(), scale)))
}

fn decimal_to_integer(value: &ArrayRef, to: &DataType) -> ArrayRef {
    let whole = decimals(value).map(|number| {
        let (digits, _) = number?.with_scale_round(0, RoundingMode::Down).as_bigint_and_exponent();
        digits.to_i128()
    });
    if *to == DataType::Int32 {
        Arc::new(whole.map(|number| number.map(|number| number as i32)).collect::<Int32Array>())
    } else {
        Arc::new(whole.map(|number| number.map(|number| number as i64)).collect::<Int64Array>())
    }
}

fn to_decimal(value: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef> {
    let numbers: Vec<Option<BigDecimal>> = match value.data_type() {
        DataType::Int32 => {
            value.as_primitive::<Int32Type>().iter().map(|value| value.map(BigDecimal::from)).collect()
        }
        DataType::Int64 => {
            value.as_primitive::<Int64Type>().iter().map(|value| value.map(BigDecimal::from)).collect()
        }
        DataType::Float64 => {
            // A DOUBLE is taken by its shortest text: 0.1 is one tenth.
            let shortest = |value: f64| ryu::Buffer::new().format(value).parse::<BigDecimal>().ok();
            value.as_primitive::<Float64Type>().iter().map(|value| value.and_then(shortest)).collect()
        }
        DataType::Decimal128(..) => decimals(value).collect(),
        other => return exec_err!("{other} cannot become a DECIMAL"),
    };
    let values: Decimal128Array = numbers
        .into_iter()
        .enumerate()
        .map(|(row, number)| {
            let fitted = number.as_ref().and_then(|number| fit(number, precision, scale));
            if fitted.is_none() && value.is_valid(row) {
                failures::note(|| format!("a number does not fit DECIMAL({precision}, {scale})"));
            }
            fitted
        })
        .collect();
    Ok(Arc::new(values.with_precision_and_scale(precision, scale)?))
}

fn from_text(texts: &StringArray, to: &DataType) -> Result<ArrayRef> {
    Ok(match to {
        DataType::Boolean => {
            let truth = ["true", "yes", "t", "y"];
            let is_true = |text: &str| {
                let text = text.to_lowercase();
                !text.is_empty() && truth.iter().any(|word| word.starts_with(&text))
            };
            Arc::new(texts.iter().map(|text| text.map(is_true)).collect::<BooleanArray>())
        }
        DataType::Int32 => {
            Arc::new(parsed(texts, "INTEGER", |text| text.parse::<i32>().ok()).collect::<Int32Array>())
        }
        DataType::Int64 => {
            Arc::new(parsed(texts, "BIGINT", |text| text.parse::<i64>().ok()).collect::<Int64Array>())
        }
        DataType::Float64 => {
            Arc::new(parsed(texts, "DOUBLE", |text| text.parse::<f64>().ok()).collect::<Float64Array>())
        }
        DataType::Decimal128(precision, scale) => {
            let fitted = parsed(texts, "DECIMAL", |text| fit(&text.parse().ok()?, *precision, *scale));
            let values: Decimal128Array = fitted.collect();
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Date32 => {
            let days: Int32Array = parsed(texts, "DATE", parse_date).collect();
            compute::cast(&days, to)?
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let times: Int32Array = parsed(texts, "TIME", parse_time).collect();
            compute::cast(&times, to)?
        }
        DataType::Timestamp(TimeUnit::Millisecond, None) => {
            let times: Int64Array = parsed(texts, "TIMESTAMP", parse_timestamp).collect();
            compute::cast(&times, to)?
        }
        other => return exec_err!("a STRING cannot become {other}"),
    })
}

fn parsed<'a, T>(
    texts: &'a StringArray,
    name: &'static str,
    parse: impl Fn(&str) -> Option<T> + 'a,
) -> impl Iterator<Item = Option<T>> + 'a {
    texts.iter().map(move |text| {
        let value = parse(text?.trim());
        if value.is_none() {
            failures::note(|| format!("'{}' is no {name}", text.unwrap_or_default()));
        }
        value
    })
}
