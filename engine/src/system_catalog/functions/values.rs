//! Functions on values that Postgres has and DataFusion has not.

use super::Declaration;
use super::names::{invalid, literal};
use super::native::{Arguments, Outcome, ResultType, number, text};
use crate::system_catalog::knowledge::{Knowledge, quoted};
use crate::system_catalog::postgres_type::{sql_name, type_modifier, type_oid};

pub(super) const FUNCTIONS: &[Declaration] = &[
    ("array_lower", ResultType::Int4, array_lower),
    ("array_upper", ResultType::Int4, array_upper),
    ("array_text", ResultType::Text, array_text),
    ("format", ResultType::Text, format_text),
    ("pg_typeof", ResultType::Text, type_of),
];

fn array_lower(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number(first_dimension(arguments).map(|_| 1))
}

fn array_upper(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number(first_dimension(arguments).and_then(|length| i64::try_from(length).ok()))
}

/// Elements of a list that is not empty, where its first dimension is asked for: lists have one only.
fn first_dimension(arguments: &Arguments) -> Option<usize> {
    arguments
        .elements(0)
        .map(|elements| elements.len())
        .filter(|length| *length > 0 && arguments.number(1) == Some(1))
}

/// A list as Postgres writes it: what comparisons with texts like `'{0}'` compare.
fn array_text(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(elements) = arguments.elements(0) else {
        return text(arguments.text(0));
    };
    let elements: Vec<String> = elements
        .into_iter()
        .map(|element| if element.is_null() { "NULL".to_owned() } else { element.to_string() })
        .collect();
    text(Some(format!("{{{}}}", elements.join(","))))
}

/// `format('%s FROM %I', …)`: texts, names and strings of SQL put into a text.
fn format_text(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(template) = arguments.text(0) else {
        return text(None::<String>);
    };
    let mut result = String::with_capacity(template.len());
    let mut next_argument = 1;
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let specifier = characters.next().ok_or_else(|| invalid("unterminated format() type specifier"))?;
        if specifier == '%' {
            result.push('%');
            continue;
        }
        if next_argument >= arguments.len() {
            return Err(invalid("too few arguments for format()"));
        }
        let value = arguments.text(next_argument);
        next_argument += 1;
        match specifier {
            's' => result.push_str(&value.unwrap_or_default()),
            'I' => match value {
                Some(name) => result.push_str(&quoted(&name)),
                None => return Err(invalid("null values cannot be formatted as an SQL identifier")),
            },
            'L' => result.push_str(&value.map_or_else(|| "NULL".to_owned(), |value| literal(&value))),
            other => return Err(invalid(format_args!("unrecognized format() type specifier \"{other}\""))),
        }
    }
    text(Some(result))
}

fn type_of(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.get(0).and_then(|value| {
        let data_type = value.data_type();
        sql_name(type_oid(&data_type), type_modifier(&data_type))
    }))
}
