//! Avro schemas: what reads, how it is written, and what may follow what.

use super::*;

const ROLES: Roles = Roles { reader: "new", writer: "old" };

fn parse(text: &str) -> AvroSchema {
    AvroSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Codes of what keeps data of `writer` from being read with `reader`.
fn obstacles(reader: &str, writer: &str) -> Vec<&'static str> {
    parse(reader).obstacles_to_reading(&parse(writer), ROLES).into_iter().map(|found| found.code).collect()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

#[test]
fn spaces_order_and_needless_forms_do_not_show_in_the_canonical_text() {
    let written = r#" { "name" : "R", "fields" : [ {"type": {"type": "int"}, "name": "a", "doc": "x"} ],
        "namespace": "n.s", "type" : "record", "note": {"b": 1.50} } "#;
    let expected = concat!(
        r#"{"type":"record","name":"R","namespace":"n.s","fields":[{"name":"a","type":"int","doc":"x"}],"#,
        r#""note":{"b":1.50}}"#
    );
    assert_eq!(parse(written).canonical_text(), expected);
    assert_eq!(parse(expected).canonical_text(), expected);
    assert_eq!(parse(r#"{"type": "string"}"#).canonical_text(), r#""string""#);
}

#[test]
fn a_logical_type_stays_with_its_type() {
    let text = r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#;
    assert_eq!(parse(text).canonical_text(), text);
}

#[test]
fn a_type_is_written_once_and_then_named_from_its_namespace() {
    let text = concat!(
        r#"{"type":"record","name":"A","namespace":"n","fields":[{"name":"x","type":{"type":"enum","name":"E","#,
        r#""symbols":["P","Q"],"default":"Q"}},{"name":"y","type":["null","E","A"]},"#,
        r#"{"name":"z","type":{"type":"fixed","name":"F","namespace":"m","size":3,"aliases":["G"]}}]}"#
    );
    let schema = parse(text);
    assert_eq!(schema.canonical_text(), text);
    let normalized = schema.normalized_text();
    assert!(normalized.contains(r#"["null","n.E","n.A"]"#), "{normalized}");
    assert!(normalized.contains(r#""name":"m.F","size":3,"aliases":["m.G"]"#), "{normalized}");
    assert_eq!(parse(&normalized).normalized_text(), normalized);
}

#[test]
fn normalizing_takes_the_order_from_what_has_none() {
    let left = r#"{"type": "string", "b": 1, "a": 2}"#;
    let right = r#"{"type": "string", "a": 2, "b": 1}"#;
    assert_ne!(parse(left).canonical_text(), parse(right).canonical_text());
    assert_eq!(parse(left).normalized_text(), parse(right).normalized_text());
}

#[test]
fn types_of_references_are_named_and_not_written() {
    let imports =
        [("n.B".to_owned(), r#"{"type":"record","name":"B","namespace":"n","fields":[]}"#.to_owned())];
    let text = r#"{"type":"record","name":"A","fields":[{"name":"b","type":"n.B"}]}"#;
    let schema = AvroSchema::parse(text, &imports).expect("reads");
    assert_eq!(schema.canonical_text(), text);
    let error = AvroSchema::parse(text, &[]).expect_err("the type is nowhere");
    assert!(error.contains("'n.B' is not defined"), "{error}");
}

#[test]
fn types_of_references_stand_in_the_resolved_text_once() {
    let imports =
        [("n.B".to_owned(), r#"{"type":"record","name":"B","namespace":"n","fields":[]}"#.to_owned())];
    let text = r#"{"type":"record","name":"A","fields":[{"name":"b","type":"n.B"},{"name":"c","type":["null","n.B"]}]}"#;
    let resolved =
        AvroSchema::parse(text, &imports).expect("reads").resolved_text().expect("is not too deep");
    assert_eq!(
        resolved,
        r#"{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"record","name":"B","namespace":"n","fields":[]}},{"name":"c","type":["null","n.B"]}]}"#
    );
    assert_eq!(parse(&resolved).canonical_text(), resolved, "it builds on nothing else");
}

#[test]
fn what_is_too_deep_is_not_written_in_itself() {
    let schema = AvroSchema::parse(r#""R1999""#, &[("chain".to_owned(), chain())]).expect("reads");
    assert_eq!(schema.resolved_text(), None);
    assert_eq!(schema.canonical_text(), r#""R1999""#);
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    for (text, reason) in [
        ("{", "not JSON"),
        ("3", "a type is a name"),
        (r#""nothing""#, "'nothing' is not defined"),
        (r#"{"name": "x"}"#, "no attribute 'type'"),
        (r#"{"type": "record", "name": "R"}"#, "no list 'fields'"),
        (r#"{"type": "record", "fields": []}"#, "has no name"),
        (r#"{"type": "record", "name": "1", "fields": []}"#, "a name begins with"),
        (r#"{"type": "record", "name": "a..b", "fields": []}"#, "a name begins with"),
        (r#"{"type": "record", "name": "R", "fields": [{"name": "a"}]}"#, "has no type"),
        (r#"{"type": "enum", "name": "E", "symbols": ["A", "A"]}"#, "there twice"),
        (r#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}"#, "none of its symbols"),
        (r#"{"type": "fixed", "name": "F", "size": -1}"#, "no number 'size'"),
        (r#"{"type": "array"}"#, "no attribute 'items'"),
        (r#"["int", "int"]"#, "twice"),
        (r#"["int", ["null"]]"#, "cannot hold a union"),
        (
            r#"[{"type": "fixed", "name": "F", "size": 1}, {"type": "fixed", "name": "F", "size": 1}]"#,
            "defined twice",
        ),
    ] {
        let error = AvroSchema::parse(text, &[]).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn numbers_widen_and_texts_are_bytes() {
    for (reader, writer) in [
        ("long", "int"),
        ("float", "int"),
        ("float", "long"),
        ("double", "float"),
        ("double", "int"),
        ("bytes", "string"),
        ("string", "bytes"),
    ] {
        let quoted = |name: &str| format!("\"{name}\"");
        assert!(obstacles(&quoted(reader), &quoted(writer)).is_empty(), "{reader} reads {writer}");
    }
    for (reader, writer) in [("int", "long"), ("long", "float"), ("float", "double"), ("int", "string")] {
        let quoted = |name: &str| format!("\"{name}\"");
        assert_eq!(obstacles(&quoted(reader), &quoted(writer)), ["TYPE_MISMATCH"], "{reader} reads {writer}");
    }
}

#[test]
fn a_field_only_the_reader_has_needs_a_default() {
    let one = record(r#"{"name": "a", "type": "int"}"#);
    let two = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#);
    let with_default = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 1}"#);
    assert_eq!(obstacles(&two, &one), ["READER_FIELD_MISSING_DEFAULT_VALUE"]);
    assert!(obstacles(&with_default, &one).is_empty());
    assert!(obstacles(&one, &two).is_empty());
}

#[test]
fn aliases_of_fields_and_records_count_for_the_reader() {
    let old = record(r#"{"name": "a", "type": "int"}"#);
    let renamed = record(r#"{"name": "b", "type": "long", "aliases": ["a"]}"#);
    assert!(obstacles(&renamed, &old).is_empty());
    assert_eq!(obstacles(&old, &renamed), ["READER_FIELD_MISSING_DEFAULT_VALUE"]);
    let other = r#"{"type": "record", "name": "S", "fields": []}"#;
    let alias = r#"{"type": "record", "name": "S", "aliases": ["R"], "fields": []}"#;
    assert_eq!(obstacles(other, &old), ["NAME_MISMATCH"]);
    assert!(obstacles(alias, &old).is_empty());
}

#[test]
fn an_enum_keeps_its_symbols_or_has_a_default() {
    let old = r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#;
    let less = r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#;
    let with_default = r#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}"#;
    assert_eq!(obstacles(less, old), ["MISSING_ENUM_SYMBOLS"]);
    assert!(obstacles(with_default, old).is_empty());
    assert!(obstacles(old, less).is_empty());
}

#[test]
fn a_fixed_type_keeps_its_size() {
    let four = r#"{"type": "fixed", "name": "F", "size": 4}"#;
    let five = r#"{"type": "fixed", "name": "F", "size": 5}"#;
    assert_eq!(obstacles(four, five), ["FIXED_SIZE_MISMATCH"]);
}

#[test]
fn every_alternative_that_was_written_has_to_be_readable() {
    assert!(obstacles(r#"["null", "int"]"#, r#""int""#).is_empty());
    assert!(obstacles(r#"["null", "long"]"#, r#""int""#).is_empty());
    assert_eq!(obstacles(r#""int""#, r#"["null", "int"]"#), ["TYPE_MISMATCH"]);
    assert_eq!(obstacles(r#"["null", "int"]"#, r#"["int", "string"]"#), ["MISSING_UNION_BRANCH"]);
    assert!(obstacles(r#""long""#, r#"["int", "long"]"#).is_empty());
}

#[test]
fn what_is_wrong_within_an_alternative_is_told() {
    let old = format!(r#"["null", {}]"#, record(r#"{"name": "a", "type": "int"}"#));
    let new = format!(r#"["null", {}]"#, record(r#"{"name": "a", "type": "string"}"#));
    assert_eq!(obstacles(&new, &old), ["TYPE_MISMATCH"]);
}

#[test]
fn a_type_that_holds_itself_is_compared_once() {
    let tree = |value: &str| {
        record(&format!(r#"{{"name": "v", "type": "{value}"}}, {{"name": "next", "type": ["null", "R"]}}"#))
    };
    assert!(obstacles(&tree("long"), &tree("int")).is_empty());
    assert_eq!(obstacles(&tree("int"), &tree("long")), ["TYPE_MISMATCH"]);
}

#[test]
fn a_message_says_what_is_wrong_where_and_in_which_schema() {
    let old = record(r#"{"name": "a", "type": {"type": "map", "values": "string"}}"#);
    let new = record(r#"{"name": "a", "type": {"type": "map", "values": "int"}}"#);
    let found = parse(&new).obstacles_to_reading(&parse(&old), ROLES);
    assert_eq!(
        found.first().map(|found| found.description.as_str()),
        Some(
            "the type is int in the new schema and string in the old schema, and one cannot be read as the other (at \
             '/fields/0/type/values')"
        )
    );
}

/// Records of which each has a field of the one before: reading them is flat, comparing them is deep.
fn chain() -> String {
    let record = |number: usize| {
        let field_type = if number == 0 { "int".to_owned() } else { format!("R{}", number - 1) };
        format!(
            r#"{{"type": "record", "name": "R{number}", "fields": [{{"name": "f", "type": "{field_type}"}}]}}"#
        )
    };
    format!("[{}]", (0..2_000).map(record).collect::<Vec<_>>().join(","))
}

#[test]
fn types_that_were_found_to_fit_are_not_compared_again() {
    assert!(obstacles(&chain(), &chain()).is_empty());
}

#[test]
fn what_is_too_deep_to_be_compared_is_told_and_does_not_count_as_compatible() {
    let schema = AvroSchema::parse(r#""R1999""#, &[("chain".to_owned(), chain())]).expect("reads");
    let found: Vec<_> =
        schema.obstacles_to_reading(&schema, ROLES).into_iter().map(|found| found.code).collect();
    assert_eq!(found, ["SCHEMA_TOO_COMPLEX"]);
}
