//! What JSON columns take and refuse, type by type, and how records become rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use crate::formats::{DECODE_BATCH_BYTES_MAX, Decoded, Decoder, Format, Rejection, Wrapping};

const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Millisecond, None);
const TIME: DataType = DataType::Time32(TimeUnit::Millisecond);

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn map(value: DataType) -> DataType {
    let fields = vec![Field::new("key", DataType::Utf8, false), Field::new("value", value, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from(fields)), false)), false)
}

fn structure(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(schema(fields).fields().clone())
}

fn decoder(schema: &SchemaRef) -> Box<dyn Decoder> {
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    Format::Json.decoder(schema, &all, Wrapping::Record).unwrap()
}

fn decode(schema: &SchemaRef, payloads: &[&str]) -> (Decoded, Vec<Rejection>) {
    let payloads: Vec<Option<&[u8]>> = payloads.iter().map(|payload| Some(payload.as_bytes())).collect();
    let mut rejections = Vec::new();
    let decoded = decoder(schema).decode(&payloads, &mut rejections).unwrap();
    (decoded, rejections)
}

fn shown(column: &ArrayRef) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let formatter = ArrayFormatter::try_new(column, &options).unwrap();
    (0..column.len()).map(|row| formatter.value(row).to_string()).collect()
}

/// The value that column `A` takes from the given JSON, or the reason for refusing it.
fn value(data_type: &DataType, json: &str) -> Result<String, String> {
    let payload = format!("{{\"A\":{json}}}");
    let (decoded, rejections) = decode(&schema(&[("A", data_type.clone())]), &[&payload]);
    match rejections.as_slice() {
        [] => Ok(shown(&decoded.columns[0]).remove(0)),
        [rejection] => {
            assert_eq!((decoded.rows, decoded.columns[0].len()), (0, 0));
            Err(rejection.reason.clone())
        }
        _ => panic!("one payload gave {rejections:?}"),
    }
}

fn takes(data_type: &DataType, cases: &[(&str, &str)]) {
    for (json, expected) in cases {
        assert_eq!(value(data_type, json), Ok((*expected).to_owned()), "{data_type} from {json}");
    }
    assert_eq!(value(data_type, "null"), Ok("NULL".to_owned()), "{data_type} from null");
}

fn refuses(data_type: &DataType, cases: &[(&str, &str)]) {
    for (json, reason) in cases {
        assert_eq!(
            value(data_type, json),
            Err(format!("column `A`: {reason} at byte 5")),
            "{data_type} from {json}"
        );
    }
}

#[test]
fn boolean_takes_only_true_and_false() {
    takes(&DataType::Boolean, &[("true", "true"), ("false", "false")]);
    refuses(
        &DataType::Boolean,
        &[
            ("\"true\"", "expected BOOLEAN, found the string \"true\""),
            ("1", "expected BOOLEAN, found the number 1"),
            ("[true]", "expected BOOLEAN, found an array"),
        ],
    );
}

#[test]
fn integer_takes_numbers_without_their_fraction_and_numeric_strings() {
    takes(
        &DataType::Int32,
        &[
            ("7", "7"),
            ("-0", "0"),
            ("1.9", "1"),
            ("-1.9", "-1"),
            ("2e3", "2000"),
            ("12345e-3", "12"),
            ("0.00000000000000000000001", "0"),
            ("2147483647", "2147483647"),
            ("-2147483648", "-2147483648"),
            ("\"42\"", "42"),
            ("\"+42\"", "42"),
            ("\"\\u0034\"", "4"),
        ],
    );
    refuses(
        &DataType::Int32,
        &[
            ("2147483648", "the number 2147483648 is out of range for INTEGER"),
            ("1e400", "the number 1e400 is out of range for INTEGER"),
            ("\"2147483648\"", "the string \"2147483648\" is out of range for INTEGER"),
            ("\"1.0\"", "expected INTEGER, found the string \"1.0\""),
            ("\" 1\"", "expected INTEGER, found the string \" 1\""),
            ("\"\"", "expected INTEGER, found the string \"\""),
            ("{}", "expected INTEGER, found an object"),
        ],
    );
}

#[test]
fn bigint_takes_all_64_bits() {
    takes(
        &DataType::Int64,
        &[
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775807.5", "9223372036854775807"),
            ("\"-9223372036854775808\"", "-9223372036854775808"),
        ],
    );
    refuses(
        &DataType::Int64,
        &[
            ("9223372036854775808", "the number 9223372036854775808 is out of range for BIGINT"),
            ("\"9223372036854775808\"", "the string \"9223372036854775808\" is out of range for BIGINT"),
            (
                "123456789012345678901234567890",
                "the number 123456789012345678901234567890 is out of range for BIGINT",
            ),
        ],
    );
}

#[test]
fn double_takes_the_nearest_value_of_numbers_and_numeric_strings() {
    takes(
        &DataType::Float64,
        &[
            ("1", "1.0"),
            ("0.1", "0.1"),
            ("-12.5e-3", "-0.0125"),
            ("9007199254740993", "9007199254740992.0"),
            ("123456789012345678901234567890", "1.2345678901234568e29"),
            ("1e400", "inf"),
            ("\"1.5\"", "1.5"),
            ("\" 2d \"", "2.0"),
            ("\"NaN\"", "NaN"),
            ("\"-Infinity\"", "-inf"),
        ],
    );
    refuses(&DataType::Float64, &[("\"one\"", "expected DOUBLE, found the string \"one\"")]);
}

#[test]
fn decimal_takes_what_fits_without_rounding() {
    let decimal = DataType::Decimal128(4, 2);
    takes(
        &decimal,
        &[
            ("1", "1.00"),
            ("10.1", "10.10"),
            ("-10.120", "-10.12"),
            ("1e1", "10.00"),
            ("\"10.10\"", "10.10"),
            ("99.99", "99.99"),
        ],
    );
    refuses(
        &decimal,
        &[
            ("100", "the number 100 is out of range for DECIMAL(4, 2)"),
            ("1.001", "the number 1.001 does not fit DECIMAL(4, 2) without rounding"),
            ("\"x\"", "expected DECIMAL(4, 2), found the string \"x\""),
            ("[]", "expected DECIMAL(4, 2), found an array"),
        ],
    );
    let widest = "9".repeat(38);
    takes(&DataType::Decimal128(38, 0), &[(&widest, &widest)]);
    let wider = "8".repeat(60);
    takes(&DataType::Decimal256(60, 0), &[(&wider, &wider), (&format!("\"{wider}\""), &wider)]);
    refuses(
        &DataType::Decimal256(39, 1),
        &[("1.23", "the number 1.23 does not fit DECIMAL(39, 1) without rounding")],
    );
}

#[test]
fn string_takes_anything_as_text() {
    takes(
        &DataType::Utf8,
        &[
            ("\"a\\n\\u00e9\\uD83D\\uDE00\"", "a\né😀"),
            ("12", "12"),
            ("-0", "0"),
            ("1.50", "1.50"),
            ("1e5", "1E+5"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("true", "true"),
            (
                " [ \"a\" , 1, null, [true, \"b\"], {\"c\" : [1, \"d\"]} ] ",
                "[a, 1, null, [true, b], {\"c\":[1,\"d\"]}]",
            ),
            ("{ \"b\" : 1.0, \"a\" : \"x\\ty\", \"b\" : null }", "{\"b\":null,\"a\":\"x\\ty\"}"),
        ],
    );
    refuses(
        &DataType::Utf8,
        &[("\"\\uD800\"", "half a surrogate pair in the string \"\\\\uD800\" is no STRING")],
    );
}

#[test]
fn bytes_takes_base64() {
    takes(&DataType::Binary, &[("\"AQL/\"", "0102ff"), ("\"AQ==\"", "01"), ("\"AQ\"", "01"), ("\"\"", "")]);
    refuses(
        &DataType::Binary,
        &[
            ("\"?\"", "expected BYTES as base64 text, found the string \"?\""),
            ("1", "expected BYTES, found the number 1"),
        ],
    );
}

#[test]
fn dates_and_times_are_numbers() {
    takes(&DataType::Date32, &[("0", "1970-01-01"), ("-1", "1969-12-31"), ("\"365\"", "1971-01-01")]);
    takes(&TIME, &[("1", "00:00:00.001"), ("\"86399999\"", "23:59:59.999")]);
    takes(&TIMESTAMP, &[("1500", "1970-01-01T00:00:01.500"), ("\"-1\"", "1969-12-31T23:59:59.999")]);
    refuses(
        &TIME,
        &[
            ("-1", "the number -1 is out of range for TIME"),
            ("86400001", "the number 86400001 is out of range for TIME"),
        ],
    );
    refuses(&DataType::Date32, &[("\"1970-01-01\"", "expected DATE, found the string \"1970-01-01\"")]);
}

#[test]
fn containers_take_their_parts_by_the_same_rules() {
    takes(&list(DataType::Int32), &[("[]", "[]"), ("[1, \"2\", null]", "[1, 2, NULL]")]);
    takes(
        &map(DataType::Int64),
        &[("{}", "{}"), ("{\"b\":1,\"a\\u0062\":null,\"b\":2}", "{b: 2, ab: NULL}")],
    );
    let address = structure(&[("CITY", DataType::Utf8), ("ZIP", DataType::Int32), ("zip", DataType::Utf8)]);
    takes(
        &address,
        &[
            ("{\"zip\":1,\"other\":{\"city\":2},\"City\":\"Kiel\"}", "{CITY: Kiel, ZIP: 1, zip: 1}"),
            ("{}", "{CITY: NULL, ZIP: NULL, zip: NULL}"),
        ],
    );
    takes(
        &list(map(structure(&[("X", list(DataType::Boolean))]))),
        &[("[{\"k\":{\"x\":[true]}},{},null]", "[{k: {X: [true]}}, {}, NULL]")],
    );
    refuses(
        &list(DataType::Int32),
        &[
            ("{\"a\":1}", "expected ARRAY<INTEGER>, found an object"),
            ("\"[1]\"", "expected ARRAY<INTEGER>, found the string \"[1]\""),
        ],
    );
    refuses(&map(DataType::Int32), &[("[1]", "expected MAP<STRING, INTEGER>, found an array")]);
    refuses(
        &structure(&[("X", DataType::Int32)]),
        &[("1", "expected STRUCT<`X` INTEGER>, found the number 1")],
    );
}

#[test]
fn a_fault_inside_a_container_is_reported_with_its_path() {
    let nested = structure(&[("L", list(map(DataType::Int32)))]);
    assert_eq!(
        value(&nested, "{\"l\":[{},{\"k\":\"x\"}]}"),
        Err("column `A`->`L`[1][\"k\"]: expected INTEGER, found the string \"x\" at byte 19".to_owned())
    );
}

#[test]
fn many_members_of_a_map_are_told_apart() {
    let members: Vec<String> = (0..50).map(|index| format!("\"k{}\":{index}", index % 25)).collect();
    let json = format!("{{{}}}", members.join(","));
    let expected: Vec<String> = (0..25).map(|index| format!("k{index}: {}", index + 25)).collect();
    assert_eq!(value(&map(DataType::Int32), &json), Ok(format!("{{{}}}", expected.join(", "))));
}

#[test]
fn fields_are_matched_by_exact_name_else_upper_cased() {
    let columns = schema(&[("FOO", DataType::Utf8), ("foo", DataType::Utf8), ("GRÖSSE", DataType::Utf8)]);
    let (decoded, rejections) = decode(
        &columns,
        &[
            r#"{"foo":1,"größe":2}"#,
            r#"{"FOO":1,"foo":2,"Foo":3}"#,
            r#"{"Foo":1,"fOO":2}"#,
            r#"{"f\u006Fo":1,"unknown":{"foo":2}}"#,
            r#"{"FOO":null,"Foo":3}"#,
        ],
    );
    assert_eq!(rejections, []);
    assert_eq!(shown(&decoded.columns[0]), ["1", "1", "2", "1", "NULL"]);
    assert_eq!(shown(&decoded.columns[1]), ["1", "2", "NULL", "1", "NULL"]);
    assert_eq!(shown(&decoded.columns[2]), ["2", "NULL", "NULL", "NULL", "NULL"]);
}

#[test]
fn the_order_of_fields_and_earlier_records_do_not_matter() {
    let columns = schema(&[("A", DataType::Int32), ("B", DataType::Int32), ("C", DataType::Int32)]);
    let records = [
        r#"{"a":1,"b":2,"c":3}"#,
        r#"{"c":3,"b":2,"a":1}"#,
        r#" { "b" : 2 , "x" : [ { } ] , "c" : 3 , "A" : 1 } "#,
        r#"{"a":1,"ab":7,"b":2,"c":3}"#,
        r#"{"a":9,"a":1,"b":2,"c":3}"#,
        r#"{"a":1,"b":2,"c":3}"#,
    ];
    let (decoded, rejections) = decode(&columns, &records);
    assert_eq!(rejections, []);
    for (column, expected) in decoded.columns.iter().zip(["1", "2", "3"]) {
        assert_eq!(shown(column), [expected; 6]);
    }
}

#[test]
fn ever_new_field_names_do_not_disturb_known_ones() {
    let columns = schema(&[("A", DataType::Int32)]);
    let records: Vec<String> = (0..3000).map(|index| format!("{{\"n{index}\":0,\"a\":{index}}}")).collect();
    let (decoded, rejections) = decode(&columns, &records.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(rejections, []);
    assert!(decoded.columns[0].as_primitive::<Int32Type>().values().iter().copied().eq(0..3000));
}

#[test]
fn names_of_any_length_are_told_apart() {
    for length in 1..40 {
        let names = ["A", "B"].map(|last| "A".repeat(length - 1) + last);
        let columns = schema(&[(&names[0], DataType::Int32), (&names[1], DataType::Int32)]);
        let record = |first: usize, second: usize| {
            format!("{{\"{}\":{first},\"{}\":{second}}}", names[first], names[second])
        };
        let (straight, reversed) = (record(0, 1), record(1, 0));
        let longer = format!("{{\"{}A\":7,\"{}A\":8}}", names[0], names[1]);
        let (decoded, rejections) =
            decode(&columns, &[&straight, &reversed, &straight, &longer, &straight, &reversed]);
        assert_eq!(rejections, []);
        assert_eq!(shown(&decoded.columns[0]), ["0", "0", "0", "NULL", "0", "0"], "length {length}");
        assert_eq!(shown(&decoded.columns[1]), ["1", "1", "1", "NULL", "1", "1"], "length {length}");
    }
}

#[test]
fn a_rejected_record_leaves_nothing_behind() {
    let columns = schema(&[
        ("A", list(DataType::Int32)),
        ("B", structure(&[("X", DataType::Int32), ("Y", DataType::Utf8)])),
        ("C", DataType::Utf8),
    ]);
    let payloads: [Option<&[u8]>; 8] = [
        Some(br#"{"a":[1,2],"b":{"x":1,"y":"one"},"c":"first"}"#),
        Some(br#"{"a":[1,"x",3],"b":{"x":2},"c":"bad element"}"#),
        Some(br#"{"a":[3],"b":{"x":"x","y":"y"},"c":"bad field"}"#),
        None,
        Some(br#"{"a":[4],"b":"#),
        Some(b"{\"c\":\"\xff\"}"),
        Some(b"null"),
        Some(b"\xEF\xBB\xBF{\"a\":[5],\"c\":\"last\"}"),
    ];
    let mut rejections = Vec::new();
    let decoded = decoder(&columns).decode(&payloads, &mut rejections).unwrap();
    assert_eq!(decoded.rows, 4);
    assert_eq!(shown(&decoded.columns[0]), ["[1, 2]", "NULL", "NULL", "[5]"]);
    assert_eq!(shown(&decoded.columns[1]), ["{X: 1, Y: one}", "NULL", "NULL", "NULL"]);
    assert_eq!(shown(&decoded.columns[2]), ["first", "NULL", "NULL", "last"]);
    let present: Vec<bool> = decoded.present.unwrap().iter().collect();
    assert_eq!(present, [true, false, false, true]);
    let reasons: Vec<(usize, &str)> =
        rejections.iter().map(|rejection| (rejection.payload, rejection.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            (1, "column `A`[1]: expected INTEGER, found the string \"x\" at byte 8"),
            (2, "column `B`->`X`: expected INTEGER, found the string \"x\" at byte 18"),
            (4, "not valid JSON: expected a value at byte 13, found the end"),
            (5, "not valid UTF-8 at byte 6"),
        ]
    );
}

#[test]
fn a_decoder_works_on_after_a_batch() {
    let columns = schema(&[("A", list(DataType::Int32)), ("B", map(DataType::Utf8)), ("C", DataType::Int32)]);
    let mut decoder = decoder(&columns);
    for _ in 0..3 {
        let payload: &[u8] = br#"{"a":[1],"b":{"k":"v"},"c":3}"#;
        let bad: &[u8] = br#"{"a":[1],"b":{"k":"v"},"c":[]}"#;
        let mut rejections = Vec::new();
        let decoded = decoder.decode(&[Some(payload), Some(bad), Some(payload)], &mut rejections).unwrap();
        assert_eq!((decoded.rows, rejections.len()), (2, 1));
        assert_eq!(shown(&decoded.columns[0]), ["[1]", "[1]"]);
        assert_eq!(shown(&decoded.columns[1]), ["{k: v}", "{k: v}"]);
    }
}

#[test]
fn what_is_not_an_object_is_rejected_as_a_record() {
    let columns = schema(&[("A", DataType::Int32)]);
    let (decoded, rejections) = decode(&columns, &["[1]", "\"a\"", "12", "", "{} {}"]);
    assert_eq!(decoded.rows, 0);
    let reasons: Vec<&str> = rejections.iter().map(|rejection| rejection.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "expected a JSON object, found an array at byte 0",
            "expected a JSON object, found the string \"a\" at byte 0",
            "expected a JSON object, found the number 12 at byte 0",
            "not valid JSON: expected a value at byte 0, found the end",
            "not valid JSON: expected the end of the value at byte 3, found '{'",
        ]
    );
}

#[test]
fn only_projected_columns_are_produced_and_all_are_checked() {
    let columns = schema(&[("A", DataType::Int32), ("B", DataType::Utf8), ("C", list(DataType::Int64))]);
    let payloads: [Option<&[u8]>; 7] = [
        Some(br#"{"a":"7","b":"x","c":[1,2]}"#),
        Some(br#"{"a":"not a number","b":"x","c":[]}"#),
        Some(br#"{"a":1,"b":{"any":"thing"},"c":null}"#),
        Some(br#"{"a":1,"b":"x","c":[true]}"#),
        Some(br#"{"a":3000000000,"b":"x"}"#),
        Some(b"{\"a\":"),
        None,
    ];
    for (projection, expected) in [(&[1][..], vec![vec!["x", r#"{"any":"thing"}"#, "NULL"]]), (&[], vec![])] {
        let mut rejections = Vec::new();
        let mut decoder = Format::Json.decoder(&columns, projection, Wrapping::Record).unwrap();
        let decoded = decoder.decode(&payloads, &mut rejections).unwrap();
        assert_eq!(decoded.columns.iter().map(shown).collect::<Vec<_>>(), expected);
        assert_eq!(decoded.rows, 3);
        let mut refused: Vec<usize> = rejections.iter().map(|rejection| rejection.payload).collect();
        refused.sort_unstable();
        assert_eq!(refused, [1, 3, 4, 5]);
        assert!(rejections[0].reason.starts_with("column `A`: expected INTEGER"), "{}", rejections[0].reason);
    }
}

#[test]
fn a_bare_value_is_the_only_column() {
    let columns = schema(&[("A", list(DataType::Int32))]);
    let mut decoder = Format::Json.decoder(&columns, &[0], Wrapping::Bare).unwrap();
    let payloads: [Option<&[u8]>; 4] = [Some(b" [1,2] "), None, Some(b"null"), Some(b"7")];
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&payloads, &mut rejections).unwrap();
    assert_eq!(shown(&decoded.columns[0]), ["[1, 2]", "NULL", "NULL"]);
    assert_eq!(decoded.present.unwrap().iter().collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(rejections[0].reason, "column `A`: expected ARRAY<INTEGER>, found the number 7 at byte 0");
}

#[test]
fn a_batch_beyond_the_limit_is_an_error() {
    let columns = schema(&[("A", DataType::Utf8)]);
    let megabyte = vec![b' '; 1 << 20];
    let payloads = vec![Some(megabyte.as_slice()); (DECODE_BATCH_BYTES_MAX >> 20) + 1];
    let error = decoder(&columns).decode(&payloads, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind, crate::ErrorKind::LimitExceeded);
}

proptest! {
    #[test]
    fn arbitrary_bytes_give_a_row_or_a_rejection(
        payloads in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[{\\[\"a:,b}\\]\\\\u0-9.eE null]{0,60}".prop_map(String::into_bytes),
                r#"\{"a":[-0-9.eE]{0,6},"b":"[\\u0-9A-F]{0,14}"(,"c":[{"x\\:1}\[\]]{0,9})?\}"#.prop_map(String::into_bytes),
            ],
            0..20,
        ),
        bare in any::<bool>(),
    ) {
        let columns = [
            ("A", DataType::Decimal128(10, 3)),
            ("B", DataType::Utf8),
            ("C", structure(&[("X", list(DataType::Int32)), ("Y", map(DataType::Binary))])),
        ];
        let columns = schema(if bare { &columns[2..] } else { &columns });
        let wrapping = if bare { Wrapping::Bare } else { Wrapping::Record };
        let all: Vec<usize> = (0..columns.fields().len()).collect();
        let slices: Vec<Option<&[u8]>> = payloads.iter().map(|payload| Some(payload.as_slice())).collect();
        let mut rejections = Vec::new();
        let decoded =
            Format::Json.decoder(&columns, &all, wrapping).unwrap().decode(&slices, &mut rejections).unwrap();
        prop_assert_eq!(decoded.rows + rejections.len(), payloads.len());
        prop_assert!(decoded.columns.iter().all(|column| column.len() == decoded.rows));
        prop_assert!(rejections.is_sorted_by(|left, right| left.payload < right.payload));
    }
}
