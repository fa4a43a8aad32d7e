//! JSON schemas: what reads, how it is written, and what may follow what.

use super::*;

const ROLES: Roles = Roles { reader: "new", writer: "old" };

fn parse(text: &str) -> JsonSchema {
    JsonSchema::parse(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Codes of what keeps data of `old` from fitting `new`.
fn obstacles(new: &str, old: &str) -> Vec<&'static str> {
    parse(new).obstacles_to_reading(&parse(old), ROLES).into_iter().map(|found| found.code).collect()
}

fn check(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        assert_eq!(obstacles(new, old), *expected, "{old} → {new}");
    }
}

#[test]
fn the_canonical_text_keeps_order_and_the_normalized_text_does_not() {
    let schema = parse(
        r#"{ "type": "object", "required": ["b", "a"], "properties": {"b": {}, "a": {"default": 1.50}} }"#,
    );
    assert_eq!(
        schema.canonical_text(),
        r#"{"type":"object","required":["b","a"],"properties":{"b":{},"a":{"default":1.50}}}"#
    );
    assert_eq!(
        schema.normalized_text(),
        r#"{"properties":{"a":{"default":1.50},"b":{}},"required":["a","b"],"type":"object"}"#
    );
}

#[test]
fn what_is_no_schema_is_refused_with_the_reason() {
    for (text, reason) in [
        ("{", "not JSON"),
        ("3", "a schema is an object"),
        (r#"{"type": "strin"}"#, "there is no type 'strin'"),
        (r#"{"type": 3}"#, "a type is a text"),
        (r##"{"$ref": "#/definitions/x"}"##, "leads nowhere"),
        (r#"{"type": "object", "properties": []}"#, "'properties' is an object"),
        (r#"{"type": "object", "required": "a"}"#, "'required' is a list"),
        (r#"{"anyOf": {}}"#, "'anyOf' is a list"),
        (r#"{"maxLength": "1"}"#, "'maxLength' is a number"),
    ] {
        let error = JsonSchema::parse(text, &[]).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn limits_and_types_widen_only() {
    check(&[
        (r#"{"type": "integer"}"#, r#"{"type": "number"}"#, &[]),
        (r#"{"type": "number"}"#, r#"{"type": "integer"}"#, &["TYPE_NARROWED"]),
        (r#"{"type": "string"}"#, r#"{"type": "number"}"#, &["TYPE_CHANGED"]),
        (r#"{"type": "string"}"#, r#"{}"#, &[]),
        (r#"{}"#, r#"{"type": "string"}"#, &["TYPE_CHANGED"]),
        (r#"false"#, r#"{"type": "string"}"#, &[]),
        (r#"{"type": "string", "maxLength": 3}"#, r#"{"type": "string", "maxLength": 4}"#, &[]),
        (
            r#"{"type": "string", "maxLength": 4}"#,
            r#"{"type": "string", "maxLength": 3}"#,
            &["MAX_LENGTH_DECREASED"],
        ),
        (r#"{"type": "string"}"#, r#"{"type": "string", "pattern": "a"}"#, &["PATTERN_ADDED"]),
        (
            r#"{"type": "string", "pattern": "b"}"#,
            r#"{"type": "string", "pattern": "a"}"#,
            &["PATTERN_CHANGED"],
        ),
        (
            r#"{"type": "number", "minimum": 1}"#,
            r#"{"type": "number", "minimum": 2}"#,
            &["MINIMUM_INCREASED"],
        ),
        (
            r#"{"type": "number", "maximum": 1, "exclusiveMaximum": true}"#,
            r#"{"type": "number", "exclusiveMaximum": 2}"#,
            &[],
        ),
        (r#"{"type": "integer", "multipleOf": 4}"#, r#"{"type": "integer", "multipleOf": 2}"#, &[]),
        (
            r#"{"type": "integer", "multipleOf": 2}"#,
            r#"{"type": "integer", "multipleOf": 4}"#,
            &["MULTIPLE_OF_EXPANDED"],
        ),
        (
            r#"{"type": "integer", "multipleOf": 2}"#,
            r#"{"type": "integer", "multipleOf": 3}"#,
            &["MULTIPLE_OF_CHANGED"],
        ),
    ]);
}

#[test]
fn an_enum_grows_only() {
    check(&[
        (r#"{"enum": ["a"]}"#, r#"{"enum": ["a", "b"]}"#, &[]),
        (r#"{"enum": ["a", "b"]}"#, r#"{"enum": ["a"]}"#, &["ENUM_ARRAY_NARROWED"]),
        (r#"{"enum": ["a", "b"]}"#, r#"{"enum": ["a", "c"]}"#, &["ENUM_ARRAY_CHANGED"]),
        (r#"{"const": 1}"#, r#"{"enum": [1, 2]}"#, &[]),
        (r#"{"type": "string", "enum": ["a"]}"#, r#"{"type": "string", "enum": ["a", "b"]}"#, &[]),
        (r#"{"type": "string", "enum": ["a"]}"#, r#"{"type": "string"}"#, &[]),
        (r#"{"type": "string"}"#, r#"{"type": "string", "enum": ["a"]}"#, &["TYPE_CHANGED"]),
    ]);
}

#[test]
fn properties_come_to_a_closed_model_and_go_from_an_open_one() {
    let open = r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#;
    let open_with_b =
        r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}"#;
    let open_with_anything = r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {}}}"#;
    let closed =
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}"#;
    let closed_with_b = r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "additionalProperties": false}"#;
    let closed_with_required_b = r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "required": ["b"], "additionalProperties": false}"#;
    let closed_with_default_b = r#"{"type": "object", "properties": {"a": {"type": "string"},
        "b": {"type": "string", "default": ""}}, "required": ["b"], "additionalProperties": false}"#;
    check(&[
        (open, open_with_b, &["PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"]),
        (open, open_with_anything, &[]),
        (open_with_b, open, &[]),
        (closed, closed_with_b, &[]),
        (closed, closed_with_required_b, &["REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL"]),
        (closed, closed_with_default_b, &[]),
        (closed_with_b, closed, &["PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL"]),
        (closed, open, &[]),
        (open, closed, &["ADDITIONAL_PROPERTIES_REMOVED"]),
        (closed_with_b, closed_with_required_b, &["REQUIRED_ATTRIBUTE_ADDED"]),
        (closed_with_b, closed_with_default_b, &[]),
        (closed_with_required_b, closed_with_b, &[]),
    ]);
}

#[test]
fn a_partially_open_model_covers_what_it_covers() {
    let texts = r#"{"type": "object", "additionalProperties": {"type": "string"}}"#;
    let with_text = r#"{"type": "object", "properties": {"a": {"type": "string"}},
        "additionalProperties": {"type": "string"}}"#;
    let with_number = r#"{"type": "object", "properties": {"a": {"type": "number"}},
        "additionalProperties": {"type": "string"}}"#;
    let by_pattern = r#"{"type": "object", "patternProperties": {"^a": {"type": "number"}}, "additionalProperties": false}"#;
    let by_name =
        r#"{"type": "object", "properties": {"ab": {"type": "integer"}}, "additionalProperties": false}"#;
    check(&[
        (texts, with_text, &[]),
        (texts, with_number, &["PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"]),
        (with_text, texts, &[]),
        (with_number, texts, &["PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL"]),
        (by_name, by_pattern, &[]),
    ]);
}

#[test]
fn lists_follow_the_same_rules() {
    check(&[
        (
            r#"{"type": "array", "items": {"type": "integer"}}"#,
            r#"{"type": "array", "items": {"type": "number"}}"#,
            &[],
        ),
        (
            r#"{"type": "array", "items": {"type": "number"}}"#,
            r#"{"type": "array", "items": {"type": "string"}}"#,
            &["TYPE_CHANGED"],
        ),
        (r#"{"type": "array"}"#, r#"{"type": "array", "items": {"type": "string"}}"#, &["SCHEMA_ADDED"]),
        (
            r#"{"type": "array", "items": [{"type": "string"}]}"#,
            r#"{"type": "array", "items": [{"type": "string"}, {"type": "string"}]}"#,
            &["ITEM_ADDED_TO_OPEN_CONTENT_MODEL"],
        ),
        (
            r#"{"type": "array", "prefixItems": [{"type": "string"}], "items": false}"#,
            r#"{"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "items": false}"#,
            &[],
        ),
        (r#"{"additionalItems": true}"#, r#"{"additionalItems": false}"#, &["ADDITIONAL_ITEMS_REMOVED"]),
        (r#"{"type": "array"}"#, r#"{"type": "array", "uniqueItems": true}"#, &["UNIQUE_ITEMS_ADDED"]),
        (r#"{"type": "array", "minItems": 1}"#, r#"{"type": "array", "minItems": 0}"#, &[]),
    ]);
}

#[test]
fn alternatives_come_to_a_sum_and_go_from_a_product() {
    check(&[
        (r#"{"type": "string"}"#, r#"{"type": ["null", "string"]}"#, &[]),
        (r#"{"type": ["null", "string"]}"#, r#"{"type": "string"}"#, &["TYPE_CHANGED"]),
        (
            r#"{"oneOf": [{"type": "null"}, {"type": "string"}]}"#,
            r#"{"oneOf": [{"type": "string"}, {"type": "null"}, {"type": "number"}]}"#,
            &[],
        ),
        (
            r#"{"oneOf": [{"type": "null"}, {"type": "string"}]}"#,
            r#"{"oneOf": [{"type": "null"}]}"#,
            &["SUM_TYPE_NARROWED"],
        ),
        (
            r#"{"oneOf": [{"type": "null"}, {"type": "string"}]}"#,
            r#"{"oneOf": [{"type": "null"}, {"type": "number"}]}"#,
            &["COMBINED_TYPE_SUBSCHEMAS_CHANGED"],
        ),
        (r#"{"allOf": [{"maximum": 1}, {"minimum": 0}]}"#, r#"{"allOf": [{"maximum": 1}]}"#, &[]),
        (
            r#"{"allOf": [{"maximum": 1}]}"#,
            r#"{"allOf": [{"maximum": 1}, {"minimum": 0}]}"#,
            &["PRODUCT_TYPE_EXTENDED"],
        ),
        (
            r#"{"oneOf": [{"type": "null"}, {"type": "string"}]}"#,
            r#"{"anyOf": [{"type": "null"}, {"type": "string"}]}"#,
            &[],
        ),
        (
            r#"{"anyOf": [{"type": "null"}, {"type": "string"}]}"#,
            r#"{"allOf": [{"type": "null"}, {"type": "string"}]}"#,
            &["COMBINED_TYPE_CHANGED"],
        ),
        (r#"{"allOf": [{"type": "number"}, {"type": "string"}]}"#, r#"{"anyOf": [{"type": "string"}]}"#, &[]),
        (r#"{"allOf": [{"type": "number"}]}"#, r#"{"oneOf": [{"type": "string"}, {"type": "number"}]}"#, &[]),
        (
            r#"{"allOf": [{"type": "number"}]}"#,
            r#"{"anyOf": [{"type": "string"}]}"#,
            &["COMBINED_TYPE_SUBSCHEMAS_CHANGED"],
        ),
        (r#"{"allOf": [{"type": "string"}]}"#, r#"{"allOf": [{"type": "string"}, {"type": "string"}]}"#, &[]),
        (r#"{"oneOf": [{"type": "integer"}, {"type": "number"}]}"#, r#"{"type": "number"}"#, &[]),
        (r#"{"not": {"type": "number"}}"#, r#"{"not": {"type": "integer"}}"#, &[]),
        (r#"{"not": {"type": "integer"}}"#, r#"{"not": {"type": "number"}}"#, &["NOT_TYPE_EXTENDED"]),
    ]);
}

#[test]
fn references_are_what_they_lead_to() {
    let list = |value: &str| {
        format!(
            r##"{{"$ref": "#/definitions/node", "definitions": {{"node": {{"type": "object", "properties":
            {{"value": {{"type": "{value}"}}, "next": {{"$ref": "#/definitions/node"}}}}}}}}}}"##
        )
    };
    assert!(obstacles(&list("number"), &list("integer")).is_empty());
    assert_eq!(obstacles(&list("integer"), &list("number")), ["TYPE_NARROWED"]);
    let circle = r##"{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"},
        "b": {"$ref": "#/definitions/a"}}}"##;
    assert!(obstacles(circle, circle).len() <= 1, "a circle is no endless way");
}

#[test]
fn a_reference_may_be_to_another_schema() {
    let imports = [("other.json".to_owned(), r#"{"definitions": {"x": {"type": "string"}}}"#.to_owned())];
    let schema = JsonSchema::parse(r#"{"$ref": "other.json#/definitions/x"}"#, &imports).expect("reads");
    assert!(schema.obstacles_to_reading(&parse(r#"{"type": "string"}"#), ROLES).is_empty());
    assert!(!schema.obstacles_to_reading(&parse(r#"{"type": "number"}"#), ROLES).is_empty());
}

#[test]
fn deep_alternatives_are_given_up_not_waited_for() {
    let mut text = r#"{"type": "string"}"#.to_owned();
    for level in 0..30 {
        text = format!(r#"{{"oneOf": [{text}, {{"maximum": {level}}}, {{"minimum": {level}}}]}}"#);
    }
    let other = text.replace("string", "boolean");
    assert!(!obstacles(&text, &other).is_empty());
}

#[test]
fn a_message_says_what_is_wrong_where_and_in_which_schema() {
    let old = r#"{"type": "object", "properties": {"a": {"type": "string", "maxLength": 4}}}"#;
    let new = r#"{"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}"#;
    let found = parse(new).obstacles_to_reading(&parse(old), ROLES);
    assert_eq!(
        found.first().map(|found| found.description.as_str()),
        Some("'maxLength' is 3 in the new schema and 4 in the old schema (at '#/properties/a/maxLength')")
    );
}
