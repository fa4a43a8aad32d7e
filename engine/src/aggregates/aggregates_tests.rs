//! Every function by example: rows in, the result after each; then the same again with the state
//! written and read between any two rows, and in two halves that merge.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::scalar::ScalarValue;
use tidemill_sql::lookup::AggregateFunction;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::state::encoding::Reader;

/// A call of a function on values of given types, with literals behind.
struct Call {
    function: &'static Function,
    values: Vec<DataType>,
    literals: Vec<ScalarValue>,
    entries_max: Option<usize>,
    overflow_ends_query: bool,
}

fn call(function: &str, values: &[DataType], literals: &[ScalarValue]) -> Call {
    let function = lookup(function).expect("a function");
    let (values, literals) = (values.to_vec(), literals.to_vec());
    Call { function, values, literals, entries_max: None, overflow_ends_query: false }
}

impl Call {
    fn return_type(&self) -> std::result::Result<DataType, String> {
        let (arguments, constants) = self.arguments();
        self.function.return_type(&arguments, &constants)
    }

    fn arguments(&self) -> (Vec<DataType>, Vec<Option<ScalarValue>>) {
        let literals = self.literals.iter();
        let arguments = self.values.iter().cloned().chain(literals.clone().map(ScalarValue::data_type));
        let constants = self.values.iter().map(|_| None).chain(literals.cloned().map(Some));
        (arguments.collect(), constants.collect())
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        let (arguments, constants) = self.arguments();
        let return_type = self.return_type().expect("a legal call");
        let retracts = self.function.retractable;
        let call = ResolvedCall {
            arguments,
            constants,
            return_type,
            retracts,
            entries_max: self.entries_max,
            overflow_ends_query: self.overflow_ends_query,
        };
        let mut accumulator = self.function.accumulator(&call).expect("an accumulator");
        accumulator.resize(3);
        accumulator
    }

    /// A row: its cells, with a `-` before a row that is taken back.
    fn apply(&self, accumulator: &mut dyn Accumulator, slot: u32, row: &str, number: u64) -> Result<()> {
        let (row, retracted) = row.strip_prefix('-').map_or((row, false), |row| (row, true));
        let cells: Vec<&str> = if row.is_empty() { Vec::new() } else { row.split('|').collect() };
        let column = |(cell, data_type): (&&str, &DataType)| -> ArrayRef {
            match data_type {
                DataType::List(element) => {
                    let elements: ArrayRef =
                        Arc::new(StringArray::from_iter(cell.split(',').map(null_if_marked)));
                    let elements = cast(&elements, element.data_type()).expect("castable");
                    values::list_of(std::iter::once(elements.len()), elements, data_type).expect("a list")
                }
                _ => {
                    let cells: ArrayRef = Arc::new(StringArray::from(vec![null_if_marked(cell)]));
                    cast(&cells, data_type).expect("castable")
                }
            }
        };
        let columns: Vec<ArrayRef> = cells.iter().zip(&self.values).map(column).collect();
        accumulator.update(&Changes {
            slots: &[slot],
            columns: &columns,
            retracted: Some(&[retracted]),
            sequence: Some(&[number]),
        })
    }

    /// Feeds rows and compares the result after each.
    fn gives(&self, rows: &[(&str, &str)]) -> &Call {
        let mut accumulator = self.accumulator();
        let mut stored: Option<Vec<u8>> = None;
        for (number, (row, expected)) in rows.iter().enumerate() {
            self.apply(accumulator.as_mut(), 1, row, number as u64).expect("applies");
            assert_eq!(result(accumulator.as_ref(), 1), *expected, "{} after '{row}'", self.function.name);

            let mut restored = self.accumulator();
            if let Some(stored) = &stored {
                let mut reader = Reader::of(stored);
                restored.decode(2, &mut reader).expect("reads");
                reader.finish().expect("nothing is left");
            }
            self.apply(restored.as_mut(), 2, row, number as u64).expect("applies");
            assert_eq!(result(restored.as_ref(), 2), *expected, "{} after reading", self.function.name);
            let mut bytes = Vec::new();
            restored.encode(2, &mut bytes);
            stored = Some(bytes);
        }
        accumulator.reset(1);
        assert_eq!(result(accumulator.as_ref(), 1), result(self.accumulator().as_ref(), 1), "after a reset");
        self
    }

    /// Feeds rows to two slots, merges them, and compares the result.
    fn merges(&self, left: &[(u64, &str)], right: &[(u64, &str)], expected: &str) {
        let mut accumulator = self.accumulator();
        for (slot, rows) in [(0, left), (2, right)] {
            for (number, row) in rows {
                self.apply(accumulator.as_mut(), slot, row, *number).expect("applies");
            }
        }
        accumulator.merge(0, 2).expect("merges");
        assert_eq!(result(accumulator.as_ref(), 0), expected, "{} merged", self.function.name);
        assert_eq!(result(accumulator.as_ref(), 2), result(self.accumulator().as_ref(), 2), "what is left");
    }
}

fn null_if_marked(cell: &str) -> Option<&str> {
    Some(cell).filter(|cell| *cell != "_")
}

fn result(accumulator: &dyn Accumulator, slot: u32) -> String {
    let array = accumulator.evaluate(&[slot]).expect("a result");
    assert_eq!(array.len(), 1);
    let options = FormatOptions::new().with_null("_");
    ArrayFormatter::try_new(array.as_ref(), &options).expect("printable").value(0).to_string()
}

fn int(value: i32) -> ScalarValue {
    ScalarValue::Int32(Some(value))
}

fn flag(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

const INTEGER: DataType = DataType::Int32;
const BIGINT: DataType = DataType::Int64;
const DOUBLE: DataType = DataType::Float64;
const STRING: DataType = DataType::Utf8;

#[test]
fn the_registry_is_sorted_and_finds_names_in_any_case() {
    assert!(all().is_sorted_by_key(|function| function.name));
    assert_eq!(lookup("Collect_list").expect("there").name, "COLLECT_LIST");
    assert!(lookup("LEN").is_none());
    for function in all() {
        assert!(function.example.contains(function.name), "{}", function.example);
        assert!(!function.signatures.is_empty() && function.description.ends_with('.'));
    }
}

#[test]
fn count_counts_rows_or_values() {
    call("COUNT", &[], &[]).gives(&[("", "1"), ("", "2"), ("-", "1"), ("-", "0")]);
    call("COUNT", &[STRING], &[]).gives(&[("a", "1"), ("_", "1"), ("b", "2"), ("-_", "2"), ("-a", "1")]);
    call("COUNT", &[STRING], &[]).merges(&[(0, "a")], &[(1, "b"), (2, "_")], "2");
}

#[test]
fn sum_adds_in_the_type_of_its_argument() {
    call("SUM", &[INTEGER], &[]).gives(&[("_", "0"), ("5", "5"), ("-7", "-2")]);
    call("SUM", &[BIGINT], &[]).gives(&[("9223372036854775807", "9223372036854775807")]);
    call("SUM", &[DOUBLE], &[]).gives(&[("0.5", "0.5"), ("0.25", "0.75")]);
    call("SUM", &[DataType::Decimal128(5, 2)], &[]).gives(&[("1.10", "1.10"), ("2.2", "3.30")]);
    call("SUM", &[BIGINT], &[]).merges(&[(0, "1")], &[(1, "2")], "3");
}

#[test]
fn sum_takes_rows_back() {
    call("SUM", &[INTEGER], &[]).gives(&[("5", "5"), ("3", "8"), ("-5", "3"), ("-3", "0")]);
}

#[test]
fn whole_sums_wrap_round_and_decimal_ones_are_null_while_they_do_not_fit() {
    call("SUM", &[INTEGER], &[]).gives(&[("2147483647", "2147483647"), ("1", "-2147483648")]);
    let sum = call("SUM", &[DataType::Decimal128(3, 1)], &[]);
    sum.gives(&[("99.9", "99.9"), ("0.1", "_"), ("99.9", "_"), ("-99.9", "_"), ("-99.9", "0.1")]);
    sum.merges(&[(0, "60")], &[(1, "60")], "_");
    let mut accumulator = sum.accumulator();
    for (number, row) in ["99.9", "0.1", "5", "-5", "-0.1", "0.2"].into_iter().enumerate() {
        sum.apply(accumulator.as_mut(), 0, row, number as u64).expect("applies");
    }
    let trouble = accumulator.take_trouble().expect("it did not fit twice");
    assert_eq!(trouble.rows, 2);
    assert!(trouble.reason.starts_with("Numeric field overflow"), "{}", trouble.reason);
    assert_eq!(accumulator.take_trouble(), None);
}

#[test]
fn a_sum_that_does_not_fit_ends_the_query_where_that_is_asked_for() {
    let mut sum = call("SUM", &[DataType::Decimal128(3, 1)], &[]);
    sum.overflow_ends_query = true;
    let mut accumulator = sum.accumulator();
    sum.apply(accumulator.as_mut(), 0, "99.9", 0).expect("fits");
    let error = sum.apply(accumulator.as_mut(), 0, "0.1", 1).expect_err("does not fit");
    assert_eq!(error.kind, ErrorKind::Evaluation);
    assert!(error.message.starts_with("Numeric field overflow"), "{error}");
}

#[test]
fn average_is_the_mean_of_the_values() {
    call("AVG", &[INTEGER], &[]).gives(&[
        ("_", "0.0"),
        ("2147483647", "2147483647.0"),
        ("2147483645", "2147483646.0"),
    ]);
    call("AVG", &[DOUBLE], &[]).gives(&[("1.5", "1.5"), ("2.5", "2.0"), ("-1.5", "2.5")]);
    call("AVG", &[DataType::Decimal128(4, 2)], &[]).gives(&[("1.50", "1.5"), ("2.50", "2.0")]);
    call("AVG", &[BIGINT], &[]).merges(&[(0, "1"), (1, "2")], &[(2, "6")], "3.0");
}

#[test]
fn extremes_follow_the_order_of_the_type() {
    call("MIN", &[INTEGER], &[]).gives(&[("_", "_"), ("3", "3"), ("2", "2"), ("4", "2")]);
    call("MAX", &[DOUBLE], &[]).gives(&[("1.5", "1.5"), ("NaN", "NaN"), ("9", "NaN")]);
    call("MIN", &[STRING], &[]).gives(&[("tide", "tide"), ("mill", "mill"), ("_", "mill"), ("ebb", "ebb")]);
    call("MAX", &[DataType::Date32], &[])
        .gives(&[("2024-01-31", "2024-01-31"), ("2023-12-31", "2024-01-31")]);
    call("MAX", &[DataType::Time32(TimeUnit::Millisecond)], &[]).gives(&[("00:00:01", "00:00:01")]);
    call("MIN", &[DataType::Timestamp(TimeUnit::Millisecond, None)], &[])
        .gives(&[("2024-01-01T00:00:00", "2024-01-01T00:00:00")]);
    call("MAX", &[DataType::Decimal128(4, 1)], &[]).gives(&[("9.5", "9.5"), ("10.5", "10.5")]);
    call("MAX", &[STRING], &[]).merges(&[(0, "a")], &[(1, "c"), (2, "b")], "c");
    call("MIN", &[BIGINT], &[]).merges(&[(0, "_")], &[(1, "4")], "4");
    assert!(call("MIN", &[DataType::Boolean], &[]).return_type().is_err());
}

#[test]
fn decimals_of_more_than_38_digits_are_numbers_too() {
    let wide = [DataType::Decimal256(45, 1)];
    let most = "99999999999999999999999999999999999999999999.9";
    call("SUM", &wide, &[]).gives(&[(most, most), ("0.1", "_"), ("-0.1", most)]);
    call("SUM", &wide, &[]).merges(&[(0, "1.5")], &[(1, "2.0")], "3.5");
    call("AVG", &wide, &[]).gives(&[("1.5", "1.5"), ("2.5", "2.0")]);
    call("MIN", &wide, &[]).gives(&[(most, most), ("_", most), ("7.5", "7.5")]);
    call("MAX", &wide, &[]).gives(&[("7.5", "7.5"), (most, most), ("9.0", most)]);
    call("TOPK", &wide, &[int(2)]).gives(&[
        ("7.5", "[7.5]"),
        (most, &format!("[{most}, 7.5]")),
        ("9.0", &format!("[{most}, 9.0]")),
    ]);
    assert_eq!(call("SUM", &wide, &[]).return_type(), Ok(wide[0].clone()));
}

#[test]
fn lists_keep_everything_in_order() {
    let list = call("COLLECT_LIST", &[INTEGER], &[]);
    list.gives(&[("3", "[3]"), ("1", "[3, 1]"), ("_", "[3, 1, _]"), ("3", "[3, 1, _, 3]")]);
    list.merges(&[(2, "1")], &[(0, "7"), (1, "8")], "[1, 7, 8]");
}

#[test]
fn a_list_loses_the_last_equal_value() {
    call("COLLECT_LIST", &[STRING], &[]).gives(&[
        ("a", "[a]"),
        ("b", "[a, b]"),
        ("a", "[a, b, a]"),
        ("-a", "[a, b]"),
        ("-a", "[b]"),
        ("-z", "[b]"),
    ]);
}

#[test]
fn a_limit_ends_the_collecting() {
    for (function, expected) in [("COLLECT_LIST", "[1, 1]"), ("COLLECT_SET", "[1, 2]")] {
        let mut limited = call(function, &[INTEGER], &[]);
        limited.entries_max = Some(2);
        let mut accumulator = limited.accumulator();
        for row in ["1", "1", "2", "3"] {
            limited.apply(accumulator.as_mut(), 0, row, 0).expect("applies");
        }
        assert_eq!(result(accumulator.as_ref(), 0), expected);
    }
}

#[test]
fn sets_keep_what_is_new_in_order() {
    let set = call("COLLECT_SET", &[STRING], &[]);
    set.gives(&[("b", "[b]"), ("a", "[b, a]"), ("b", "[b, a]"), ("_", "[b, a, _]"), ("_", "[b, a, _]")]);
    set.merges(&[(0, "x"), (1, "y")], &[(2, "y"), (3, "z")], "[x, y, z]");
}

#[test]
fn a_group_that_has_collected_too_much_takes_no_more_and_says_so() {
    let list = call("COLLECT_LIST", &[STRING], &[]);
    let mut accumulator = list.accumulator();
    let text = "x".repeat(GROUP_BYTES_MAX / 3);
    for number in 0..6 {
        list.apply(accumulator.as_mut(), 0, &text, number).expect("applies");
    }
    list.apply(accumulator.as_mut(), 1, "y", 6).expect("applies");
    let trouble = accumulator.take_trouble().expect("not all were taken");
    assert!((1..=3).contains(&trouble.rows), "{trouble:?}");
    let held = accumulator.memory_bytes();
    accumulator.merge(0, 1).expect("merges");
    assert_eq!(accumulator.take_trouble().map(|trouble| trouble.rows), Some(1));
    assert!(accumulator.memory_bytes() <= held);
}

#[test]
fn the_latest_and_the_earliest_go_by_arrival() {
    let latest = call("LATEST_BY_OFFSET", &[STRING], &[]);
    latest.gives(&[("_", "_"), ("b", "b"), ("a", "a"), ("_", "a")]);
    latest.merges(&[(5, "old"), (9, "new")], &[(7, "between")], "new");
    let earliest = call("EARLIEST_BY_OFFSET", &[STRING], &[]);
    earliest.gives(&[("_", "_"), ("b", "b"), ("a", "b")]);
    earliest.merges(&[(5, "x")], &[(3, "first")], "first");
}

#[test]
fn nulls_count_where_asked() {
    call("LATEST_BY_OFFSET", &[INTEGER], &[flag(false)]).gives(&[("1", "1"), ("_", "_"), ("2", "2")]);
    call("EARLIEST_BY_OFFSET", &[INTEGER], &[flag(false)]).gives(&[("_", "_"), ("1", "_")]);
    call("EARLIEST_BY_OFFSET", &[INTEGER], &[int(2), flag(false)]).gives(&[
        ("_", "[_]"),
        ("1", "[_, 1]"),
        ("2", "[_, 1]"),
    ]);
}

#[test]
fn the_latest_few_stay_in_order() {
    let latest = call("LATEST_BY_OFFSET", &[INTEGER], &[int(2)]);
    latest.gives(&[("1", "[1]"), ("_", "[1]"), ("2", "[1, 2]"), ("3", "[2, 3]")]);
    latest.merges(&[(0, "1"), (3, "4")], &[(1, "2"), (2, "3")], "[3, 4]");
    let earliest = call("EARLIEST_BY_OFFSET", &[INTEGER], &[int(2), flag(true)]);
    earliest.gives(&[("1", "[1]"), ("2", "[1, 2]"), ("3", "[1, 2]")]);
    earliest.merges(&[(2, "3"), (3, "4")], &[(0, "1")], "[1, 3]");
}

#[test]
fn the_greatest_few_come_greatest_first() {
    let top = call("TOPK", &[INTEGER], &[int(3)]);
    top.gives(&[
        ("4", "[4]"),
        ("_", "[4]"),
        ("9", "[9, 4]"),
        ("5", "[9, 5, 4]"),
        ("5", "[9, 5, 5]"),
        ("1", "[9, 5, 5]"),
    ]);
    top.merges(&[(0, "1"), (1, "7")], &[(2, "5"), (3, "6")], "[7, 6, 5]");
    call("TOPK", &[STRING], &[int(1)]).gives(&[("b", "[b]"), ("a", "[b]"), ("c", "[c]")]);
}

#[test]
fn the_greatest_few_carry_columns_along_and_the_earlier_of_equals_stands_first() {
    call("TOPK", &[INTEGER, STRING], &[int(2)]).gives(&[
        ("5|x", "[{sort_col: 5, col0: x}]"),
        ("5|y", "[{sort_col: 5, col0: x}, {sort_col: 5, col0: y}]"),
        ("7|_", "[{sort_col: 7, col0: _}, {sort_col: 5, col0: x}]"),
        ("5|z", "[{sort_col: 7, col0: _}, {sort_col: 5, col0: x}]"),
    ]);
}

#[test]
fn the_greatest_distinct_values_are_listed_once() {
    let top = call("TOPKDISTINCT", &[DOUBLE], &[int(2)]);
    top.gives(&[
        ("1.5", "[1.5]"),
        ("1.5", "[1.5]"),
        ("2.5", "[2.5, 1.5]"),
        ("2.5", "[2.5, 1.5]"),
        ("2", "[2.5, 2.0]"),
    ]);
    top.merges(&[(0, "3"), (1, "1")], &[(2, "3"), (3, "2")], "[3.0, 2.0]");
}

#[test]
fn distinct_values_are_counted_without_nulls() {
    let count = call("COUNT_DISTINCT", &[STRING], &[]);
    count.gives(&[("_", "0"), ("a", "1"), ("b", "2"), ("a", "2")]);
    count.merges(&[(0, "a"), (1, "b")], &[(2, "b"), (3, "c")], "3");
}

#[test]
fn a_histogram_counts_each_text() {
    let histogram = call("HISTOGRAM", &[STRING], &[]);
    histogram.gives(&[
        ("b", "{b: 1}"),
        ("a", "{a: 1, b: 1}"),
        ("b", "{a: 1, b: 2}"),
        ("-a", "{b: 2}"),
        ("_", "{b: 2}"),
    ]);
    histogram.merges(&[(0, "a")], &[(1, "a"), (2, "c")], "{a: 2, c: 1}");
}

#[test]
fn deviations_are_those_of_a_sample() {
    let deviation = call("STDDEV_SAMPLE", &[INTEGER], &[]);
    deviation.gives(&[("4", "0.0"), ("8", "2.8284271247461903"), ("_", "2.8284271247461903"), ("-8", "0.0")]);
    let variance = call("STDDEV_SAMP", &[DOUBLE], &[]);
    variance.gives(&[("1", "0.0"), ("2", "0.5"), ("6", "7.0"), ("-1", "8.0")]);
    variance.merges(&[(0, "1"), (1, "2")], &[(2, "6")], "7.0");
    for decimal in [DataType::Decimal128(4, 2), DataType::Decimal256(50, 2)] {
        call("STDDEV_SAMP", &[decimal], &[]).gives(&[("1.50", "0.0"), ("2.50", "0.5"), ("-1.50", "0.0")]);
    }
}

#[test]
fn correlation_is_pearsons() {
    let correlation = call("CORRELATION", &[INTEGER, DOUBLE], &[]);
    correlation.gives(&[("1|2", "NaN"), ("2|4", "1.0"), ("_|7", "1.0"), ("3|0", "-0.5"), ("-3|0", "1.0")]);
    correlation.merges(&[(0, "1|2"), (1, "2|1")], &[(2, "3|0")], "-1.0");
}

#[test]
fn an_attribute_is_what_all_rows_share() {
    let attribute = call("ATTR", &[STRING], &[]);
    attribute.gives(&[("a", "a"), ("a", "a"), ("b", "_"), ("-b", "a"), ("-a", "a"), ("_", "_")]);
    attribute.merges(&[(0, "a")], &[(1, "a")], "a");
    attribute.merges(&[(0, "a")], &[(1, "b")], "_");
}

#[test]
fn lists_are_summed_over_all_elements() {
    let list = |element: DataType| DataType::List(Arc::new(Field::new_list_field(element, true)));
    call("SUM_LIST", &[list(INTEGER)], &[]).gives(&[("1,2", "3"), ("_,4", "7"), ("-1,2", "4")]);
    call("SUM_LIST", &[list(DOUBLE)], &[]).gives(&[("0.5,0.25", "0.75")]);
    assert!(call("SUM_LIST", &[list(STRING)], &[]).return_type().is_err());
}

#[test]
fn a_call_with_other_arguments_is_told_which_there_are() {
    let error = call("SUM", &[STRING], &[]).return_type().expect_err("no sum of text");
    assert!(error.starts_with("Function 'SUM' does not accept parameters (STRING)."), "{error}");
    assert!(error.contains("SUM(value DECIMAL)"), "{error}");
    let error = call("TOPK", &[INTEGER, INTEGER], &[]).return_type().expect_err("no literal");
    assert_eq!(error, "Parameter 2 passed to function TOPK must be a literal constant");
    let error = call("TOPK", &[INTEGER], &[int(0)]).return_type().expect_err("none is no number of them");
    assert!(error.contains("from 1 to 100000, not 0"), "{error}");
    assert!(call("COUNT", &[INTEGER, INTEGER], &[]).return_type().is_err());
}

#[test]
fn only_what_can_take_rows_back_may_be_used_on_tables() {
    let retractable: Vec<&str> =
        all().iter().filter(|function| function.retractable).map(|f| f.name).collect();
    let expected = "ATTR AVG COLLECT_LIST CORRELATION COUNT HISTOGRAM STDDEV_SAMP STDDEV_SAMPLE SUM SUM_LIST";
    assert_eq!(retractable.join(" "), expected);
}

#[test]
fn slots_that_are_kept_move_together() {
    let list = call("COLLECT_LIST", &[STRING], &[]);
    let mut accumulator = list.accumulator();
    for (slot, row) in [(0, "a"), (1, "b"), (2, "c")] {
        list.apply(accumulator.as_mut(), slot, row, 0).expect("applies");
    }
    let before = accumulator.memory_bytes();
    accumulator.retain(&[2, 0]);
    assert_eq!([result(accumulator.as_ref(), 0), result(accumulator.as_ref(), 1)], ["[c]", "[a]"]);
    assert!(accumulator.memory_bytes() < before);
}
