//! Functions of DataFusion whose values can be far larger than what they are called with: `repeat('x', n)`.
//!
//! They take all the memory they need, whatever the server may use, and cannot be ended on the way. So what
//! they would make is told from the arguments first, and refused where it is too much. A function that makes
//! long values out of short ones is either here or one of our own, which bound their values themselves.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::kernels::concat_elements::concat_elements_utf8;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{COLUMN_BYTES_MAX, VALUE_BYTES_MAX};

/// Bytes of an element of a list of numbers or times.
const ELEMENT_BYTES: u128 = 8;

/// Bytes of the values that a function would make, one for each row.
type Sizes = fn(&[ArrayRef]) -> Result<Vec<u128>>;

/// The functions, what they would make, and how much one value may have.
const GROWING: [(&str, Sizes, usize); 11] = [
    ("repeat", repeated_text, VALUE_BYTES_MAX),
    ("lpad", padded_text, VALUE_BYTES_MAX),
    ("rpad", padded_text, VALUE_BYTES_MAX),
    ("range", range, COLUMN_BYTES_MAX),
    ("generate_series", range, COLUMN_BYTES_MAX),
    ("array_repeat", repeated_element, COLUMN_BYTES_MAX),
    ("array_resize", resized_list, COLUMN_BYTES_MAX),
    ("array_replace", replaced_elements, COLUMN_BYTES_MAX),
    ("array_replace_n", replaced_elements, COLUMN_BYTES_MAX),
    ("array_replace_all", replaced_elements, COLUMN_BYTES_MAX),
    ("array_concat", concatenated_lists, COLUMN_BYTES_MAX),
];

/// The operator that joins two texts: a query that feeds it with what it made doubles a text each time.
pub const CONCATENATION: &str = "||";

/// The functions, bounded.
pub(super) fn bounded() -> Vec<Arc<ScalarUDF>> {
    PAIRS.iter().map(|(_, bounded)| bounded.clone()).collect()
}

/// The functions as DataFusion has them, each with what refuses to make too much.
static PAIRS: LazyLock<Vec<(Arc<ScalarUDF>, Arc<ScalarUDF>)>> = LazyLock::new(|| {
    let pair = |function: Arc<ScalarUDF>| {
        let (_, sizes, value_bytes_max) = GROWING.iter().find(|(name, ..)| *name == function.name())?;
        let bounded =
            Bounded { function: function.clone(), sizes: *sizes, value_bytes_max: *value_bytes_max };
        Some((function, Arc::new(ScalarUDF::new_from_impl(bounded))))
    };
    SessionStateDefaults::default_scalar_functions().into_iter().filter_map(pair).collect()
});

/// What is to be called in the place of a function of DataFusion: it makes the same, and refuses to make too
/// much.
#[must_use]
pub fn bounded_in_place_of(function: &ScalarUDF) -> Option<&'static Arc<ScalarUDF>> {
    PAIRS.iter().find(|(unbounded, _)| unbounded.as_ref() == function).map(|(_, bounded)| bounded)
}

/// What is to be called in the place of [`CONCATENATION`].
#[must_use]
pub fn concatenation() -> &'static Arc<ScalarUDF> {
    static OPERATOR: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
        let signature = Signature::user_defined(Volatility::Immutable);
        let function = Arc::new(ScalarUDF::new_from_impl(Concatenation { signature }));
        let bounded = Bounded { function, sizes: concatenated_texts, value_bytes_max: VALUE_BYTES_MAX };
        Arc::new(ScalarUDF::new_from_impl(bounded))
    });
    &OPERATOR
}

/// A function that is asked first how much it would make.
struct Bounded {
    function: Arc<ScalarUDF>,
    sizes: Sizes,
    value_bytes_max: usize,
}

impl Bounded {
    fn check(&self, arguments: &[ColumnarValue], rows: usize) -> Result<()> {
        let constant = arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { rows };
        let columns = arguments.iter().map(|argument| argument.to_array(rows)).collect::<Result<Vec<_>>>()?;
        let sizes = (self.sizes)(&columns)?;
        let (name, max) = (self.function.name(), self.value_bytes_max);
        if let Some(size) = sizes.iter().find(|size| **size > max as u128) {
            return exec_err!("{name} would make a value of {size} bytes; at most {max} are possible");
        }
        let total: u128 = sizes.iter().sum();
        if total > COLUMN_BYTES_MAX as u128 {
            return exec_err!(
                "{name} would make {total} bytes for {rows} rows; at most {COLUMN_BYTES_MAX} are possible"
            );
        }
        Ok(())
    }
}

impl fmt::Debug for Bounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name())
    }
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(arguments)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&arguments.args, arguments.number_rows)?;
        self.function.invoke_with_args(arguments)
    }
}

/// `left || right`, of texts; NULL where one of them is.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concatenation {
    signature: Signature,
}

impl ScalarUDFImpl for Concatenation {
    fn name(&self) -> &str {
        CONCATENATION
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8; types.len()])
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let (left, right) = (argument(&columns, 0)?, argument(&columns, 1)?);
        let joined = concat_elements_utf8(left.as_string::<i32>(), right.as_string::<i32>())?;
        let constant = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&joined, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(joined)))
    }
}

/// `left || right`.
fn concatenated_texts(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let (left, right) = (argument(columns, 0)?, argument(columns, 1)?);
    Ok((0..left.len()).map(|row| text_bytes(left, row) + text_bytes(right, row)).collect())
}

/// `array_concat(list, …)`.
fn concatenated_lists(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let rows = columns.first().map_or(0, Array::len);
    (0..rows).map(|row| columns.iter().map(|lists| value_bytes(lists, row)).sum()).collect()
}

/// `repeat(text, count)`.
fn repeated_text(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let (texts, counts) = (argument(columns, 0)?, integers(argument(columns, 1)?)?);
    let size = |row| text_bytes(texts, row) * whole(&counts, row);
    Ok((0..texts.len()).map(size).collect())
}

/// `lpad(text, length, …)`: the length counts characters.
fn padded_text(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let lengths = integers(argument(columns, 1)?)?;
    let of_character = char::MAX.len_utf8() as u128;
    Ok((0..lengths.len()).map(|row| whole(&lengths, row) * of_character).collect())
}

/// `array_repeat(element, count)`.
fn repeated_element(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let (elements, counts) = (argument(columns, 0)?, integers(argument(columns, 1)?)?);
    (0..elements.len()).map(|row| Ok(value_bytes(elements, row)? * whole(&counts, row))).collect()
}

/// `array_resize(list, length, …)`: what is new is one value again and again.
fn resized_list(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let (lists, lengths) = (argument(columns, 0)?, integers(argument(columns, 1)?)?);
    let size = |row| {
        let fill = columns.get(2).map_or(Ok(ELEMENT_BYTES), |fill| value_bytes(fill, row))?;
        Ok(value_bytes(lists, row)? + whole(&lengths, row) * fill)
    };
    (0..lists.len()).map(size).collect()
}

/// `array_replace_all(list, from, to)`: at most every element becomes the new one.
fn replaced_elements(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let (lists, new) = (argument(columns, 0)?, argument(columns, 2)?);
    let size = |row| {
        let elements = match lists.as_list_opt::<i32>() {
            Some(lists) => lists.value_length(row).max(0) as u128,
            // Of other lists no more is known than that an element has a byte.
            None => value_bytes(lists, row)?,
        };
        Ok(value_bytes(lists, row)? + elements * value_bytes(new, row)?)
    };
    (0..lists.len()).map(size).collect()
}

/// `range(end)`, `range(begin, end)`, `range(begin, end, step)`, of numbers or of times.
fn range(columns: &[ArrayRef]) -> Result<Vec<u128>> {
    let first = argument(columns, 0)?;
    let is_time = !first.data_type().is_integer() && !first.data_type().is_null();
    let positions = |column: &ArrayRef| if is_time { micros(column) } else { integers(column) };
    let (begins, ends) = match columns {
        [ends] => (None, positions(ends)?),
        [begins, ends, ..] => (Some(positions(begins)?), positions(ends)?),
        [] => return exec_err!("an argument is missing"),
    };
    let size = |row| {
        let begin = begins.as_ref().map_or(0, |begins| i128::from(begins.value(row)));
        let span = i128::from(ends.value(row)).abs_diff(begin);
        let steps = match columns.get(2) {
            None => span,
            Some(steps) if is_time => (span * 1_000).checked_div(step_nanos(steps, row)?).unwrap_or(0),
            Some(steps) => span.checked_div(integers(steps)?.value(row).unsigned_abs().into()).unwrap_or(0),
        };
        Ok((steps + 1) * ELEMENT_BYTES)
    };
    (0..ends.len()).map(size).collect()
}

fn argument(columns: &[ArrayRef], index: usize) -> Result<&ArrayRef> {
    columns.get(index).ok_or_else(|| exec_datafusion_err!("argument {} is missing", index + 1))
}

fn integers(column: &ArrayRef) -> Result<Int64Array> {
    as_integers(column, &DataType::Int64)
}

/// Points in time as microseconds.
fn micros(column: &ArrayRef) -> Result<Int64Array> {
    as_integers(column, &DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn as_integers(column: &ArrayRef, through: &DataType) -> Result<Int64Array> {
    // What does not fit is NULL, and counted as 0.
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let column = cast_with_options(column, through, &options)?;
    let column = cast_with_options(&column, &DataType::Int64, &options)?;
    Ok(column.as_primitive().clone())
}

/// A step in time, at its shortest.
fn step_nanos(steps: &ArrayRef, row: usize) -> Result<u128> {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let steps = cast_with_options(steps, &interval, &CastOptions::default())?;
    let step = steps.as_primitive::<IntervalMonthDayNanoType>().value(row);
    let day_nanos = 86_400_i128 * 1_000_000_000;
    let days = i128::from(step.months) * 28 + i128::from(step.days);
    Ok((days * day_nanos + i128::from(step.nanoseconds)).unsigned_abs())
}

/// A number of repetitions; none where it is NULL or below 0.
fn whole(numbers: &Int64Array, row: usize) -> u128 {
    if numbers.is_null(row) { 0 } else { u128::try_from(numbers.value(row)).unwrap_or(0) }
}

fn text_bytes(texts: &ArrayRef, row: usize) -> u128 {
    let length = match texts.data_type() {
        DataType::Utf8 => texts.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => texts.as_string::<i64>().value(row).len(),
        DataType::Utf8View => texts.as_string_view().value(row).len(),
        _ => 0,
    };
    length as u128
}

/// Bytes of one value.
fn value_bytes(values: &ArrayRef, row: usize) -> Result<u128> {
    array_bytes(&values.slice(row, 1))
}

/// Bytes of the values of an array, and not of what it may share with others.
fn array_bytes(array: &ArrayRef) -> Result<u128> {
    match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let offsets = lists.value_offsets();
            let (first, last) = match (offsets.first(), offsets.last()) {
                (Some(first), Some(last)) => (*first as usize, *last as usize),
                _ => return Ok(0),
            };
            let elements = lists.values().slice(first, last - first);
            Ok(array_bytes(&elements)? + size_of_val(offsets) as u128)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(array_bytes).sum(),
        _ => Ok(array.to_data().get_slice_memory_size()? as u128),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::session_state::SessionStateBuilder;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn evaluate(expression: &str) -> Result<usize> {
        let state = SessionStateBuilder::new().with_default_features().build();
        let context = SessionContext::new_with_state(state);
        for function in bounded() {
            context.register_udf(function.as_ref().clone());
        }
        let batches = context.sql(&format!("SELECT {expression}")).await?.collect().await?;
        Ok(batches.iter().map(|batch| batch.get_array_memory_size()).sum())
    }

    #[tokio::test]
    async fn values_of_usual_sizes_are_made() {
        for expression in [
            "repeat('ab', 1000)",
            "repeat(NULL, 10)",
            "array_repeat(1, 1000)",
            "list_repeat([1, 2], 10)",
            "range(0, 100000)",
            "range(10, 0, -3)",
            "generate_series(date '2020-01-01', date '2021-01-01', interval '1 month')",
            "array_resize([1], 100, 2)",
            "array_replace_all([1, 2, 1], 1, 3)",
            "lpad('a', 10, 'b')",
        ] {
            evaluate(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        }
    }

    #[tokio::test]
    async fn values_that_would_fill_the_memory_are_refused_before_they_are_made() {
        for expression in [
            "repeat('x', 2147483647)",
            "repeat(column1, 16000000) FROM (VALUES ('a'), ('bb'))",
            "array_repeat(1, 2000000000)",
            "list_repeat(array_repeat(1, 1000000), 1000000)",
            "range(0, 1000000000)",
            "range(1000000000)",
            "generate_series(0, -1000000000, -1)",
            "generate_series(date '0001-01-01', date '9999-01-01', interval '1 minute')",
            "array_resize([1], 2000000000)",
            "array_replace_all(array_repeat([1], 1000000), [1], array_repeat(1, 1000000))",
            "rpad('a', 2147483647)",
            "array_concat(range(0, 17000000), range(0, 17000000))",
        ] {
            let error = evaluate(expression).await.expect_err(expression).to_string();
            assert!(error.contains("would make"), "{expression}: {error}");
        }
    }
}
