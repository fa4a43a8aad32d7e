//! CAST between all types, as ksqlDB converts.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListArray, MapArray,
    StringArray, StructArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use tidemill_sql::analyzer::time_text::{parse_date, parse_time, parse_timestamp};

use super::cast_text::to_texts;
use super::decimal_128::{self, Exact};
use super::decimal_values::{computed_decimals, decimal_at, decimals};
use crate::expressions::failures;
use crate::formats::java_double::parse_double;

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
        (_, DataType::Utf8) => to_texts(value)?,
        (DataType::Utf8, _) => return from_text(value.as_string::<i32>(), to),
        (DataType::Float64, DataType::Int32 | DataType::Int64) => float_to_integer(value, to),
        (DataType::Int64, DataType::Int32) => {
            let values = value.as_primitive::<Int64Type>();
            // Java's conversion keeps the low bits.
            Arc::new(values.iter().map(|value| value.map(|value| value as i32)).collect::<Int32Array>())
        }
        (DataType::Decimal128(..) | DataType::Decimal256(..), DataType::Int32 | DataType::Int64) => {
            decimal_to_integer(value, to)
        }
        (_, DataType::Decimal128(..) | DataType::Decimal256(..)) => return to_decimal(value, to),
        (DataType::Decimal128(..) | DataType::Decimal256(..), DataType::Float64) => {
            let exact = |row: usize| decimal_at(value, row)?.to_f64();
            let doubles = decimal_128::doubles(value, &exact);
            Arc::new(doubles.unwrap_or_else(|| (0..value.len()).map(exact).collect::<Float64Array>()))
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
            let lost = lost_in(list.offsets(), &[(list.values(), &elements)]);
            let nulls = without(list.nulls(), lost);
            Arc::new(ListArray::try_new(item.clone(), list.offsets().clone(), elements, nulls)?)
        }
        (DataType::Map(..), DataType::Map(entries, ordered)) => {
            let map = value.as_map();
            let DataType::Struct(fields) = entries.data_type() else { return exec_err!("a MAP has entries") };
            let keys = convert(map.keys(), fields[0].data_type())?;
            let values = convert(map.values(), fields[1].data_type())?;
            let lost = lost_in(map.offsets(), &[(map.keys(), &keys), (map.values(), &values)]);
            let nulls = without(map.nulls(), lost);
            let parts = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            Arc::new(MapArray::try_new(entries.clone(), map.offsets().clone(), parts, nulls, *ordered)?)
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
            let lost = fields
                .iter()
                .zip(&columns)
                .filter_map(|(field, column)| lost(value.column_by_name(field.name())?, column))
                .reduce(|left, right| &left | &right);
            let nulls = without(value.nulls(), lost);
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls)?)
        }
        // What is left cannot fail, or is Arrow's affair.
        _ => compute::cast(value, to)?,
    })
}

/// Where a value has become NULL by its conversion; none where all are what they were.
fn lost(before: &ArrayRef, after: &ArrayRef) -> Option<BooleanBuffer> {
    let nulls = after.nulls().filter(|nulls| nulls.null_count() > before.null_count())?;
    let null = !nulls.inner();
    Some(before.nulls().map_or_else(|| null.clone(), |before| before.inner() & &null))
}

/// The rows of which an element has become NULL by its conversion, for the elements before and after: the whole
/// has no value then.
fn lost_in(offsets: &OffsetBuffer<i32>, elements: &[(&ArrayRef, &ArrayRef)]) -> Option<BooleanBuffer> {
    let lost = elements.iter().filter_map(|(before, after)| lost(before, after));
    let lost = lost.reduce(|left, right| &left | &right)?;
    let has_lost = |row: &[i32]| lost.slice(row[0] as usize, (row[1] - row[0]) as usize).count_set_bits() > 0;
    Some(offsets.windows(2).map(has_lost).collect())
}

/// The nulls of a column that has no value in some further rows.
fn without(nulls: Option<&NullBuffer>, lost: Option<BooleanBuffer>) -> Option<NullBuffer> {
    let Some(lost) = lost else { return nulls.cloned() };
    NullBuffer::union(nulls, Some(&NullBuffer::new(!&lost)))
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

fn decimal_to_integer(value: &ArrayRef, to: &DataType) -> ArrayRef {
    if let Some(whole) = decimal_128::whole_parts(value) {
        return integers(whole.map(|number| number.map(|number| number as i64)), to);
    }
    let whole = (0..value.len()).map(|row| {
        let whole = decimal_at(value, row)?.with_scale_round(0, RoundingMode::Down);
        Some(low_bits(&whole.into_bigint_and_exponent().0))
    });
    integers(whole, to)
}

/// A column of INTEGERs or BIGINTs, of the former the low bits, as Java's conversion keeps them.
fn integers(numbers: impl Iterator<Item = Option<i64>>, to: &DataType) -> ArrayRef {
    if *to == DataType::Int32 {
        Arc::new(numbers.map(|number| number.map(|number| number as i32)).collect::<Int32Array>())
    } else {
        Arc::new(numbers.collect::<Int64Array>())
    }
}

/// The low 64 bits, which are what Java's conversion keeps.
fn low_bits(number: &BigInt) -> i64 {
    let fill = if number.sign() == bigdecimal::num_bigint::Sign::Minus { 0xff } else { 0 };
    let mut low = [fill; 8];
    for (byte, known) in low.iter_mut().zip(number.to_signed_bytes_le()) {
        *byte = known;
    }
    i64::from_le_bytes(low)
}

fn to_decimal(value: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    match value.data_type() {
        DataType::Float64 => {
            let mut buffer = ryu::Buffer::new();
            let values = value.as_primitive::<Float64Type>().iter();
            // A DOUBLE is taken by its shortest text: 0.1 is one tenth.
            let shortest = values.map(|value| match buffer.format(value?).parse::<BigDecimal>() {
                Ok(number) => Some(number),
                Err(_) => {
                    failures::note(|| "what is no finite number cannot become a DECIMAL".to_owned());
                    None
                }
            });
            decimals(shortest, to)
        }
        DataType::Int32 | DataType::Int64 | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            let in_128_bits = |exact: Exact<'_>| decimal_128::converted(value, to, exact);
            computed_decimals(value.len(), to, in_128_bits, |row| number_at(value, row))
        }
        other => exec_err!("{other} cannot become a DECIMAL"),
    }
}

/// A whole number or a DECIMAL; none for NULL.
fn number_at(column: &ArrayRef, row: usize) -> Option<BigDecimal> {
    if let Some(values) = column.as_primitive_opt::<Int32Type>() {
        return values.is_valid(row).then(|| values.value(row).into());
    }
    if let Some(values) = column.as_primitive_opt::<Int64Type>() {
        return values.is_valid(row).then(|| values.value(row).into());
    }
    decimal_at(column, row)
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
        DataType::Float64 => Arc::new(parsed(texts, "DOUBLE", parse_double).collect::<Float64Array>()),
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            // Java knows no underscores between digits.
            let number = |text: &str| if text.contains('_') { None } else { text.parse::<BigDecimal>().ok() };
            decimals(parsed(texts, "DECIMAL", number), to)?
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, StringArray};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over};

    #[test]
    fn numbers_become_numbers_as_java_converts_them() {
        let seven = format!("7.{}", "0".repeat(75));
        assert_values(&[
            ("CAST(4294967298 AS INTEGER)", "INTEGER", Some("2")),
            ("CAST(-2.9E0 AS INTEGER)", "INTEGER", Some("-2")),
            ("CAST(1E300 AS BIGINT)", "BIGINT", Some("9223372036854775807")),
            ("CAST(-17.99 AS INTEGER)", "INTEGER", Some("-17")),
            ("CAST(CAST('18446744073709551621' AS DECIMAL(60, 2)) AS BIGINT)", "BIGINT", Some("5")),
            ("CAST(CAST('-18446744073709551621.5' AS DECIMAL(60, 2)) AS INTEGER)", "INTEGER", Some("-5")),
            ("CAST(2.345E0 AS DECIMAL(3, 2))", "DECIMAL(3, 2)", Some("2.35")),
            ("CAST(-2.345 AS DECIMAL(50, 2))", "DECIMAL(50, 2)", Some("-2.35")),
            ("CAST(CAST(1.25 AS DECIMAL(60, 30)) AS DECIMAL(3, 1))", "DECIMAL(3, 1)", Some("1.3")),
            ("CAST(CAST('0.1' AS DECIMAL(60, 30)) AS DOUBLE)", "DOUBLE", Some("0.1")),
            ("CAST(7 AS DECIMAL(76, 75))", "DECIMAL(76, 75)", Some(seven.as_str())),
            ("CAST(100 AS DECIMAL(2, 0))", "DECIMAL(2, 0)", None),
            ("CAST(CAST('NaN' AS DOUBLE) AS DECIMAL(2, 0))", "DECIMAL(2, 0)", None),
        ]);
    }

    #[test]
    fn texts_become_numbers_by_javas_grammar() {
        assert_values(&[
            ("CAST(' +5 ' AS INTEGER)", "INTEGER", Some("5")),
            ("CAST('5.0' AS INTEGER)", "INTEGER", None),
            ("CAST('9223372036854775808' AS BIGINT)", "BIGINT", None),
            ("CAST('1.5d' AS DOUBLE)", "DOUBLE", Some("1.5")),
            ("CAST('Infinity' AS DOUBLE)", "DOUBLE", Some("Infinity")),
            ("CAST('inf' AS DOUBLE)", "DOUBLE", None),
            ("CAST('1e2' AS DECIMAL(5, 1))", "DECIMAL(5, 1)", Some("100.0")),
            ("CAST('-.005' AS DECIMAL(50, 2))", "DECIMAL(50, 2)", Some("-0.01")),
            ("CAST('1_0' AS DECIMAL(5, 1))", "DECIMAL(5, 1)", None),
            ("CAST('1e2000000000' AS DECIMAL(50, 1))", "DECIMAL(50, 1)", None),
        ]);
        assert_eq!(evaluate("CAST('a' AS DECIMAL(5, 1))").2, ["'a' is no DECIMAL"]);
    }

    #[test]
    fn what_fails_inside_of_a_value_leaves_nothing_of_it() {
        assert_values(&[
            ("CAST(ARRAY['1', NULL] AS ARRAY<INTEGER>)", "ARRAY<INTEGER>", Some("[1, null]")),
            ("CAST(ARRAY['1', 'x'] AS ARRAY<INTEGER>)", "ARRAY<INTEGER>", None),
            ("CAST(ARRAY[ARRAY['1'], ARRAY['x']] AS ARRAY<ARRAY<INTEGER>>)", "ARRAY<ARRAY<INTEGER>>", None),
            ("CAST(MAP('a' := '1', 'b' := 'x') AS MAP<STRING, INTEGER>)", "MAP<STRING, INTEGER>", None),
            ("CAST(MAP('a' := '1') AS MAP<STRING, INTEGER>)", "MAP<STRING, INTEGER>", Some("{a=1}")),
            ("CAST(STRUCT(A := 'x', B := 1) AS STRUCT<A INTEGER, B STRING>)->B", "STRING", None),
            ("CAST(STRUCT(A := 'x', B := 1) AS STRUCT<B STRING>)->B", "STRING", Some("1")),
            (
                "ARRAY[CAST(ARRAY['x'] AS ARRAY<INTEGER>), ARRAY[1]]",
                "ARRAY<ARRAY<INTEGER>>",
                Some("[null, [1]]"),
            ),
        ]);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "x", "3"]));
        let (numbers, failures) = evaluate_over(&[("A", texts)], "CAST(ARRAY['0', A] AS ARRAY<INTEGER>)");
        assert_eq!((0..3).map(|row| numbers.is_valid(row)).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(failures, ["'x' is no INTEGER"]);
    }

    #[test]
    fn texts_become_times_whose_end_may_be_missing() {
        assert_values(&[
            ("CAST('1970-01' AS DATE)", "DATE", Some("1970-01-01")),
            ("CAST('1971' AS DATE)", "DATE", Some("1971-01-01")),
            ("CAST('1970-01-01T00:00' AS DATE)", "DATE", None),
            ("CAST('tomorrow' AS DATE)", "DATE", None),
            ("CAST('10:30' AS TIME)", "TIME", Some("10:30:00")),
            ("CAST('25:00' AS TIME)", "TIME", None),
            ("CAST('1970-02' AS TIMESTAMP)", "TIMESTAMP", Some("1970-02-01T00:00:00.000")),
            (
                "CAST('1970-01-01T01:00:00.005+01:00' AS TIMESTAMP)",
                "TIMESTAMP",
                Some("1970-01-01T00:00:00.005"),
            ),
            ("CAST('2020-01-01T00:00:00+1é2' AS TIMESTAMP)", "TIMESTAMP", None),
        ]);
    }
}
