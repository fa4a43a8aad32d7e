//! Whether a request's answer is the one that was expected.
//!
//! Of an object only the members that are expected are compared; a name `member|starts_with` asks for
//! the beginning of a text. The columns of a query's rows may come in another order of rows, unless the
//! case says that the order counts.

use serde_json::{Map, Value};
use tidemill_engine::driver::WireValue;

use super::value_match::{Numbers, matches};

/// The operator behind a member's name.
const STARTS_WITH: &str = "starts_with";

/// What a text holds in place of the statement that is answered.
const STATEMENT: &str = "{STATEMENT}";

/// Compares an answer with the one expected. `statement` is the one that is answered.
///
/// # Errors
/// What differs, for people.
pub(super) fn check(
    expected: &Value,
    actual: &Value,
    verify_order: bool,
    statement: &str,
) -> Result<(), String> {
    let expected = expected.as_object().ok_or("an answer is expected that is no object")?;
    for (kind, expected) in expected {
        let Some(actual) = actual.get(kind) else {
            return Err(format!("an answer of the kind '{kind}' is expected, not {actual}"));
        };
        match (expected, actual) {
            (Value::Array(expected), Value::Array(actual)) => {
                check_rows(expected, actual, verify_order, statement)?;
            }
            (Value::Object(expected), actual) => check_members(expected, actual, statement)?,
            _ => return Err(format!("{expected} is expected, not {actual}")),
        }
    }
    Ok(())
}

fn check_rows(
    expected: &[Value],
    actual: &[Value],
    verify_order: bool,
    statement: &str,
) -> Result<(), String> {
    let show = |rows: &[Value]| rows.iter().map(|row| format!("\n    {row}")).collect::<String>();
    let differs =
        |what: &str| Err(format!("{what}\n  expected:{}\n  answered:{}", show(expected), show(actual)));
    if expected.len() != actual.len() {
        return differs(&format!("{} rows are expected, {} were answered", expected.len(), actual.len()));
    }
    let mut unmatched: Vec<&Value> = actual.iter().filter_map(columns).collect();
    for (number, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        let Some(members) = expected.as_object() else {
            return differs("a row is expected that is no object");
        };
        let mut members = members.clone();
        if let (false, Some(wanted)) = (verify_order, columns(expected)) {
            let Some(found) = unmatched.iter().position(|columns| is_equal(wanted, columns)) else {
                return differs(&format!("row {} was not answered", number + 1));
            };
            unmatched.swap_remove(found);
            // The columns are compared; the rest of the row stays where it is.
            let Some(Value::Object(row)) = members.get_mut("row") else { continue };
            row.remove("columns");
        }
        if let Err(reason) = check_members(&members, actual, statement) {
            return differs(&format!("row {} differs: {reason}", number + 1));
        }
    }
    Ok(())
}

/// What a row consists of: its columns, or the text of a message.
fn columns(row: &Value) -> Option<&Value> {
    match row.get("row")? {
        text @ Value::String(_) => Some(text),
        row => row.get("columns"),
    }
}

fn check_members(expected: &Map<String, Value>, actual: &Value, statement: &str) -> Result<(), String> {
    for (name, expected) in expected {
        let (name, operator) =
            name.split_once('|').map_or((name.as_str(), None), |(name, operator)| (name, Some(operator)));
        let found = actual.get(name);
        let Some(found) = found else {
            return Err(format!("there is no '{name}' in {actual}"));
        };
        match (expected, operator) {
            (Value::Object(expected), None) => check_members(expected, found, statement)?,
            (Value::String(expected), Some(STARTS_WITH)) => {
                if !found.as_str().is_some_and(|found| found.starts_with(expected.as_str())) {
                    return Err(format!("'{name}' is {found} and does not begin with '{expected}'"));
                }
            }
            (Value::String(expected), None) => {
                let expected = expected.replace(STATEMENT, statement);
                if found.as_str() != Some(expected.as_str()) {
                    return Err(format!("'{name}' is {found} and not \"{expected}\""));
                }
            }
            (expected, None) if is_equal(expected, found) => {}
            (expected, None) => return Err(format!("'{name}' is {found} and not {expected}")),
            (_, Some(operator)) => return Err(format!("the operator '{operator}' is unknown")),
        }
    }
    Ok(())
}

/// Whether two values are the same, numbers with their scale.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| is_equal(left, right)))
        }
        (Value::Number(left), Value::Number(right)) => {
            let (left_text, right_text) = (left.to_string(), right.to_string());
            let is_whole = |text: &str| !text.contains(['.', 'e', 'E']);
            is_whole(&left_text) == is_whole(&right_text)
                && WireValue::from_number(&right_text)
                    .is_ok_and(|right| matches(&Value::Number(left.clone()), &right, Numbers::Exact))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: &[Value]) -> Value {
        let header = json!({"header": {"schema": "`A` INTEGER", "queryId": "abc_1"}});
        let rows = rows.iter().map(|columns| json!({"row": {"columns": columns}}));
        json!({"query": std::iter::once(header).chain(rows).collect::<Vec<_>>()})
    }

    #[test]
    fn rows_are_the_same_in_any_order_unless_it_counts() {
        let expected = rows(&[json!([1, "a"]), json!([2, null])]);
        let turned = rows(&[json!([2, null]), json!([1, "a"])]);
        assert_eq!(check(&expected, &turned, false, ""), Ok(()));
        assert!(check(&expected, &turned, true, "").unwrap_err().starts_with("row 2 differs"));
        let other = rows(&[json!([2, null]), json!([2, null])]);
        assert!(check(&expected, &other, false, "").unwrap_err().starts_with("row 2 was not answered"));
        let fewer = rows(&[json!([2, null])]);
        assert!(check(&expected, &fewer, false, "").unwrap_err().starts_with("3 rows are expected, 2"));
    }

    #[test]
    fn only_members_that_are_expected_count() {
        let actual = rows(&[]);
        let expected = |header: Value| json!({"query": [{ "header": header }]});
        assert_eq!(check(&expected(json!({"queryId|starts_with": "ab"})), &actual, false, ""), Ok(()));
        assert!(check(&expected(json!({"queryId|starts_with": "b"})), &actual, false, "").is_err());
        assert!(check(&expected(json!({"schema": "`B` INTEGER"})), &actual, false, "").is_err());
        assert!(check(&json!({"admin": {}}), &actual, false, "").is_err());
    }

    #[test]
    fn rows_may_be_texts_of_messages() {
        let rows = |rows: &[&str]| {
            let rows = rows.iter().map(|text| json!({ "row": text }));
            json!({ "queryProto": rows.collect::<Vec<_>>() })
        };
        assert_eq!(check(&rows(&["a: 1", "a: 2"]), &rows(&["a: 2", "a: 1"]), false, ""), Ok(()));
        assert!(check(&rows(&["a: 1", "a: 2"]), &rows(&["a: 2", "a: 1"]), true, "").is_err());
        assert!(check(&rows(&["a: 1"]), &rows(&["a: 2"]), false, "").is_err());
    }

    #[test]
    fn numbers_count_with_their_scale() {
        for (expected, actual, same) in [("5", "5", true), ("5", "5.0", false), ("1.10", "1.1", false)] {
            let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let checked =
                check(&rows(&[json!([number(expected)])]), &rows(&[json!([number(actual)])]), true, "");
            assert_eq!(checked.is_ok(), same, "{expected} {actual}");
        }
    }
}
