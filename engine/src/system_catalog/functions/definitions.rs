//! Definitions, descriptions, sizes of things.

use super::Declaration;
use super::native::{Arguments, Outcome, ResultType, bool, number, text};
use crate::system_catalog::definitions;
use crate::system_catalog::knowledge::{Class, Knowledge};
use crate::system_catalog::oid;
use crate::system_catalog::tables::relations::column_comment;

pub(super) const FUNCTIONS: &[Declaration] = &[
    ("pg_get_expr", ResultType::Text, first_text),
    ("pg_get_indexdef", ResultType::Text, index_definition),
    ("pg_get_constraintdef", ResultType::Text, constraint_definition),
    ("pg_get_viewdef", ResultType::Text, nothing),
    ("pg_get_triggerdef", ResultType::Text, nothing),
    ("pg_get_ruledef", ResultType::Text, nothing),
    ("pg_get_partkeydef", ResultType::Text, nothing),
    ("pg_get_partition_constraintdef", ResultType::Text, nothing),
    ("pg_get_statisticsobjdef", ResultType::Text, nothing),
    ("pg_get_statisticsobjdef_columns", ResultType::Text, nothing),
    ("pg_get_serial_sequence", ResultType::Text, nothing),
    ("pg_get_functiondef", ResultType::Text, function_definition),
    ("pg_get_function_result", ResultType::Text, function_result),
    ("pg_get_function_arguments", ResultType::Text, function_arguments),
    ("pg_get_function_identity_arguments", ResultType::Text, function_arguments),
    ("pg_get_function_sqlbody", ResultType::Text, nothing),
    ("obj_description", ResultType::Text, object_description),
    ("col_description", ResultType::Text, column_description),
    ("shobj_description", ResultType::Text, nothing),
    ("pg_relation_is_publishable", ResultType::Bool, never),
    ("pg_relation_is_updatable", ResultType::Int4, no_updates),
    ("pg_relation_size", ResultType::Int8, unknown_size),
    ("pg_table_size", ResultType::Int8, unknown_size),
    ("pg_indexes_size", ResultType::Int8, unknown_size),
    ("pg_total_relation_size", ResultType::Int8, unknown_size),
    ("pg_database_size", ResultType::Int8, unknown_size),
    ("pg_tablespace_size", ResultType::Int8, unknown_size),
    ("pg_tablespace_location", ResultType::Text, empty),
    ("pg_size_pretty", ResultType::Text, pretty_size),
];

fn first_text(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.text(0))
}

/// There are no such things here, or they have no text.
fn nothing(_: &Knowledge, _: &Arguments) -> Outcome {
    text(None::<String>)
}

fn empty(_: &Knowledge, _: &Arguments) -> Outcome {
    text(Some(""))
}

fn never(_: &Knowledge, arguments: &Arguments) -> Outcome {
    bool(arguments.get(0).map(|_| false))
}

fn no_updates(_: &Knowledge, _: &Arguments) -> Outcome {
    number(Some(0))
}

/// Sizes are those of topics, which the catalogs do not know.
fn unknown_size(_: &Knowledge, _: &Arguments) -> Outcome {
    number(None)
}

fn index_definition(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let relation = arguments.oid(0).and_then(|number| knowledge.keyed_relation(number));
    let column = arguments.number(1).and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    text(relation.and_then(|relation| {
        if column == 0 {
            Some(definitions::key_index(relation))
        } else {
            definitions::key_column(relation, column)
        }
    }))
}

fn constraint_definition(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let relation = arguments.oid(0).and_then(|number| knowledge.keyed_relation(number));
    text(relation.map(definitions::key_constraint))
}

fn function_definition(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let function = arguments.oid(0).and_then(|number| knowledge.function(number));
    text(function.map(definitions::function))
}

fn function_result(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let function = arguments.oid(0).and_then(|number| knowledge.function(number));
    text(function.map(|function| definitions::function_type(&function.result)))
}

fn function_arguments(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let function = arguments.oid(0).and_then(|number| knowledge.function(number));
    text(function.map(definitions::function_arguments))
}

fn object_description(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(number) = arguments.oid(0) else {
        return text(None::<String>);
    };
    let catalog = arguments.text(1);
    let description = match catalog.as_deref() {
        None | Some("pg_class") => relation_comment(knowledge, number),
        Some("pg_proc") => knowledge.function(number).and_then(|function| function.comment.clone()),
        Some("pg_namespace") if number == oid::PUBLIC => Some("streams and tables".to_owned()),
        _ => None,
    };
    text(description)
}

fn relation_comment(knowledge: &Knowledge, number: u32) -> Option<String> {
    knowledge.relation(number).and_then(|relation| relation.comment.clone())
}

fn column_description(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let relation = arguments.oid(0).and_then(|number| match knowledge.class(number)? {
        Class::Relation(index) => knowledge.snapshot.relations.get(index),
        Class::KeyIndex(_) | Class::System(..) => None,
    });
    let index = arguments.number(1).and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
    text(
        relation
            .zip(index)
            .and_then(|(relation, index)| column_comment(relation, relation.columns.get(index)?)),
    )
}

fn pretty_size(_: &Knowledge, arguments: &Arguments) -> Outcome {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    // A unit is used from ten of it on, as Postgres does.
    const NEXT_UNIT_FROM: i64 = 10 * 1024;
    text(arguments.number(0).map(|size| {
        let mut size = size;
        let mut unit = 0;
        while size.abs() >= NEXT_UNIT_FROM && unit + 1 < UNITS.len() {
            size = (size + size.signum() * 512) / 1024;
            unit += 1;
        }
        format!("{size} {}", UNITS[unit])
    }))
}
