//! Functions on JSON in STRINGs.
//!
//! A text is scanned once, and values are taken out of it as they are written: numbers keep all their digits.
//! What is no JSON has no value, which is noted.

mod array;
mod extract;
mod object;
mod path;
mod to_json;

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use crate::expressions::failures;
use crate::formats::JsonValue;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "extractjsonfield",
        category: Category::Json,
        description: "Gives what stands at a path in a JSON text: a string as its text, anything else as JSON. \
                      NULL where there is nothing.",
        overloads: &[Overload {
            signature: "(json STRING, path STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(extract::extract),
        }],
        examples: &[
            "EXTRACTJSONFIELD('{\"a\": [{\"b\": 7}]}', '$.a[0].b') = '7'",
            "EXTRACTJSONFIELD('{\"two words\": 1}', '$[\"two words\"]') = '1'",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "is_json_string",
        category: Category::Json,
        description: "Whether a text is JSON.",
        overloads: &[Overload {
            signature: "(text STRING)",
            returns: Returns::Type("BOOLEAN"),
            evaluate: Evaluate::Arrays(is_json),
        }],
        examples: &["IS_JSON_STRING('[1, 2]') = TRUE", "IS_JSON_STRING('[1, 2') = FALSE"],
        is_deterministic: true,
    },
    Declaration {
        name: "json_array_contains",
        category: Category::Json,
        description: "Whether a JSON text is an array that has such an element.",
        overloads: &[Overload {
            signature: "(json STRING, value T)",
            returns: Returns::Type("BOOLEAN"),
            evaluate: Evaluate::Arrays(array::contains),
        }],
        examples: &["JSON_ARRAY_CONTAINS('[1, 2]', 2) = TRUE", "JSON_ARRAY_CONTAINS('[1, 2]', '2') = FALSE"],
        is_deterministic: true,
    },
    Declaration {
        name: "json_array_length",
        category: Category::Json,
        description: "Gives the number of elements of a JSON array; NULL for other JSON.",
        overloads: &[Overload {
            signature: "(json STRING)",
            returns: Returns::Type("INTEGER"),
            evaluate: Evaluate::Arrays(array::length),
        }],
        examples: &["JSON_ARRAY_LENGTH('[1, [2, 3]]') = 2"],
        is_deterministic: true,
    },
    Declaration {
        name: "json_concat",
        category: Category::Json,
        description: "Puts JSON texts together: objects to one object, where the last member of a name stands; \
                      otherwise all to one array, with the elements of arrays and the other values.",
        overloads: &[Overload {
            signature: "(first STRING, others STRING...)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(object::concat),
        }],
        examples: &[
            "JSON_CONCAT('{\"a\": 1}', '{\"b\": 2}') = '{\"a\":1,\"b\":2}'",
            "JSON_CONCAT('[1]', '2') = '[1,2]'",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "json_items",
        category: Category::Json,
        description: "Gives the objects of a JSON array, each as JSON; NULL where an element is no object.",
        overloads: &[Overload {
            signature: "(json STRING)",
            returns: Returns::Type("ARRAY<STRING>"),
            evaluate: Evaluate::Arrays(array::items),
        }],
        examples: &["JSON_ITEMS('[{\"a\": 1}, {\"a\": 2}]') = ARRAY['{\"a\":1}', '{\"a\":2}']"],
        is_deterministic: true,
    },
    Declaration {
        name: "json_keys",
        category: Category::Json,
        description: "Gives the names of a JSON object's members; NULL for other JSON.",
        overloads: &[Overload {
            signature: "(json STRING)",
            returns: Returns::Type("ARRAY<STRING>"),
            evaluate: Evaluate::Arrays(object::keys),
        }],
        examples: &["JSON_KEYS('{\"a\": 1, \"b\": {}}') = ARRAY['a', 'b']"],
        is_deterministic: true,
    },
    Declaration {
        name: "json_records",
        category: Category::Json,
        description: "Gives a JSON object as a MAP of its members' names and their values as JSON; NULL for \
                      other JSON.",
        overloads: &[Overload {
            signature: "(json STRING)",
            returns: Returns::Type("MAP<STRING, STRING>"),
            evaluate: Evaluate::Arrays(object::records),
        }],
        examples: &["JSON_RECORDS('{\"a\": 1, \"b\": \"x\"}') = MAP('a' := '1', 'b' := '\"x\"')"],
        is_deterministic: true,
    },
    Declaration {
        name: "to_json_string",
        category: Category::Json,
        description: "Gives a value of any type as JSON. Members stand in the order of their names, dates and \
                      times are strings, BYTES are base64.",
        overloads: &[Overload {
            signature: "(value T)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(to_json::to_json),
        }],
        examples: &["TO_JSON_STRING(MAP('b' := 2, 'a' := 1)) = '{\"a\":1,\"b\":2}'"],
        is_deterministic: true,
    },
];

fn is_json(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [texts] = columns else { return exec_err!("one text is or is not JSON") };
    let texts = texts.as_string::<i32>().iter();
    let answers = texts.map(|text| Some(text.is_some_and(|text| JsonValue::parse(text).is_some())));
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}

/// Characters of a text that a message shows.
const SHOWN_MAX: usize = 100;

/// The value of a text; noted where it is no JSON.
fn parse(text: &str) -> Option<JsonValue<'_>> {
    let value = JsonValue::parse(text);
    if value.is_none() {
        failures::note(|| {
            let end = text.char_indices().nth(SHOWN_MAX).map_or(text.len(), |(at, _)| at);
            format!("no JSON: {}", &text[..end])
        });
    }
    value
}

/// The value as compact JSON; noted where a string in it is no text.
fn written(value: JsonValue<'_>) -> Option<String> {
    let mut out = Vec::new();
    let text = value.write(&mut out).then(|| String::from_utf8(out).ok()).flatten();
    if text.is_none() {
        failures::note(|| "a string in the JSON is no text".to_owned());
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, evaluate};

    #[test]
    fn what_stands_at_a_path_is_text_or_json() {
        assert_values(&[
            (r#"EXTRACTJSONFIELD('{"a": [1, {"b": "x\"y"}]}', '$.a[1].b')"#, "STRING", Some("x\"y")),
            (r#"EXTRACTJSONFIELD('{"a": [1,  {"b": 1.50}]}', '$.a')"#, "STRING", Some(r#"[1,{"b":1.50}]"#)),
            (
                r#"EXTRACTJSONFIELD('{"a": 12345678901234567890.10}', '$.a')"#,
                "STRING",
                Some("12345678901234567890.10"),
            ),
            (r#"EXTRACTJSONFIELD('{"a b": null}', '$["a b"]')"#, "STRING", Some("null")),
            (r#"EXTRACTJSONFIELD('{"1": true}', '$.1')"#, "STRING", Some("true")),
            (r#"EXTRACTJSONFIELD('[5, 6]', '$[1]')"#, "STRING", Some("6")),
            (r#"EXTRACTJSONFIELD('[5, 6]', '$[-1]')"#, "STRING", None),
            (r#"EXTRACTJSONFIELD('{"a": 1}', '$.b.c')"#, "STRING", None),
            (r#"EXTRACTJSONFIELD('', '$.b')"#, "STRING", None),
        ]);
        for (expression, reason) in [
            (r#"EXTRACTJSONFIELD('{"a": ', '$.a')"#, "no JSON: {\"a\": "),
            (r#"EXTRACTJSONFIELD('{}', 'a')"#, "invalid JSON path: 'a'"),
        ] {
            let (_, text, failures) = evaluate(expression);
            assert_eq!((text, failures), (None, vec![reason.to_owned()]), "{expression}");
        }
    }

    #[test]
    fn arrays_are_looked_into() {
        assert_values(&[
            ("IS_JSON_STRING('[1, 2')", "BOOLEAN", Some("false")),
            ("IS_JSON_STRING('\"a\"')", "BOOLEAN", Some("true")),
            ("IS_JSON_STRING(NULL)", "BOOLEAN", Some("false")),
            ("JSON_ARRAY_LENGTH('[[1, 2], 3]')", "INTEGER", Some("2")),
            ("JSON_ARRAY_LENGTH('{}')", "INTEGER", None),
            ("JSON_ARRAY_CONTAINS('[1, 2.0, \"3\", true]', 1)", "BOOLEAN", Some("true")),
            ("JSON_ARRAY_CONTAINS('[1, 2.0, \"3\", true]', 2)", "BOOLEAN", Some("false")),
            ("JSON_ARRAY_CONTAINS('[1, 2.0, \"3\", true]', 2E0)", "BOOLEAN", Some("true")),
            ("JSON_ARRAY_CONTAINS('[1, 2.0, \"3\", true]', '3')", "BOOLEAN", Some("true")),
            ("JSON_ARRAY_CONTAINS('[1, 2.0, \"3\", true]', FALSE)", "BOOLEAN", Some("false")),
            ("JSON_ARRAY_CONTAINS('[[1]]', 1)", "BOOLEAN", Some("false")),
            ("JSON_ARRAY_CONTAINS('[null]', NULL)", "BOOLEAN", Some("true")),
            ("JSON_ARRAY_CONTAINS('1', 1)", "BOOLEAN", Some("false")),
            ("JSON_ITEMS('[{\"a\": 1}, {}]')", "ARRAY<STRING>", Some("[{\"a\":1}, {}]")),
            ("JSON_ITEMS('[]')", "ARRAY<STRING>", Some("[]")),
            ("JSON_ITEMS('[1]')", "ARRAY<STRING>", None),
        ]);
    }

    #[test]
    fn objects_are_looked_into_and_put_together() {
        assert_values(&[
            ("JSON_KEYS('{\"b\": 1, \"a\": {}}')", "ARRAY<STRING>", Some("[b, a]")),
            ("JSON_KEYS('[]')", "ARRAY<STRING>", None),
            (
                "JSON_RECORDS('{\"b\": \"x\", \"a\": [1, 2]}')",
                "MAP<STRING, STRING>",
                Some("{a=[1,2], b=\"x\"}"),
            ),
            ("JSON_RECORDS('3')", "MAP<STRING, STRING>", None),
            (
                "JSON_CONCAT('{\"a\": 1, \"b\": 2}', '{\"a\": {\"c\": 3}}')",
                "STRING",
                Some("{\"a\":{\"c\":3},\"b\":2}"),
            ),
            ("JSON_CONCAT('[1]', '{}', '2')", "STRING", Some("[1,{},2]")),
            ("JSON_CONCAT('{ }')", "STRING", Some("{}")),
            ("JSON_CONCAT('[1]', NULL)", "STRING", None),
        ]);
    }

    #[test]
    fn values_of_every_type_become_json() {
        assert_values(&[
            ("TO_JSON_STRING(NULL)", "STRING", Some("null")),
            ("TO_JSON_STRING('a\"b')", "STRING", Some("\"a\\\"b\"")),
            ("TO_JSON_STRING(1.50)", "STRING", Some("1.50")),
            ("TO_JSON_STRING(1E10)", "STRING", Some("1.0E10")),
            ("TO_JSON_STRING(DATE '2024-02-29')", "STRING", Some("\"2024-02-29\"")),
            (
                "TO_JSON_STRING(ARRAY[STRUCT(b := 1, a := CAST(NULL AS INTEGER))])",
                "STRING",
                Some("[{\"A\":null,\"B\":1}]"),
            ),
            ("TO_JSON_STRING(MAP('z' := TRUE, 'y' := FALSE))", "STRING", Some("{\"y\":false,\"z\":true}")),
        ]);
    }
}
