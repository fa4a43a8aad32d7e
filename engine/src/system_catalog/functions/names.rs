//! Names: of numbers, types, users; what is visible without a schema; casts to and from numbers.

use datafusion::error::DataFusionError;

use super::Declaration;
use super::native::{Arguments, Outcome, ResultType, bool, oid, text};
use crate::error::{Error, ErrorKind};
use crate::system_catalog::knowledge::{Class, Knowledge, quoted, schema_name};
use crate::system_catalog::oid as numbers;
use crate::system_catalog::tables::SystemSchema;

pub(super) const FUNCTIONS: &[Declaration] = &[
    ("format_type", ResultType::Text, format_type),
    ("pg_get_userbyid", ResultType::Text, user_name),
    ("pg_table_is_visible", ResultType::Bool, class_is_visible),
    ("pg_type_is_visible", ResultType::Bool, type_is_visible),
    ("pg_function_is_visible", ResultType::Bool, exists),
    ("pg_operator_is_visible", ResultType::Bool, exists),
    ("pg_opclass_is_visible", ResultType::Bool, exists),
    ("pg_opfamily_is_visible", ResultType::Bool, exists),
    ("pg_conversion_is_visible", ResultType::Bool, exists),
    ("pg_collation_is_visible", ResultType::Bool, exists),
    ("pg_statistics_obj_is_visible", ResultType::Bool, exists),
    ("pg_ts_config_is_visible", ResultType::Bool, exists),
    ("pg_ts_dict_is_visible", ResultType::Bool, exists),
    ("pg_ts_parser_is_visible", ResultType::Bool, exists),
    ("pg_ts_template_is_visible", ResultType::Bool, exists),
    ("quote_ident", ResultType::Text, quote_ident),
    ("quote_literal", ResultType::Text, quote_literal),
    ("quote_nullable", ResultType::Text, quote_nullable),
    ("to_regclass", ResultType::Oid, to_regclass),
    ("to_regtype", ResultType::Oid, to_regtype),
    ("to_regproc", ResultType::Oid, to_regproc),
    ("to_regnamespace", ResultType::Oid, to_regnamespace),
    ("to_regrole", ResultType::Oid, to_regrole),
    // What the casts between names and numbers become; see the rewriting of casts.
    ("regclass_oid", ResultType::Oid, regclass_oid),
    ("regtype_oid", ResultType::Oid, regtype_oid),
    ("regproc_oid", ResultType::Oid, regproc_oid),
    ("regnamespace_oid", ResultType::Oid, regnamespace_oid),
    ("regrole_oid", ResultType::Oid, regrole_oid),
    // Nothing here has partitions: a table is its own only ancestor.
    ("pg_partition_ancestors", ResultType::Oid, regclass_oid),
    ("pg_partition_root", ResultType::Oid, regclass_oid),
    ("regclass_name", ResultType::Text, regclass_name),
    ("regtype_name", ResultType::Text, regtype_name),
    ("regproc_name", ResultType::Text, regproc_name),
    ("regnamespace_name", ResultType::Text, regnamespace_name),
    ("regrole_name", ResultType::Text, regrole_name),
];

fn format_type(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(number) = arguments.oid(0) else {
        return text(None::<String>);
    };
    let modifier = arguments.number(1).and_then(|modifier| i32::try_from(modifier).ok()).unwrap_or(-1);
    let name = match number {
        0 => "-".to_owned(),
        _ => knowledge.type_name(number, modifier).unwrap_or_else(|| "???".to_owned()),
    };
    text(Some(name))
}

fn user_name(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.oid(0).map(|number| match number {
        numbers::OWNER => knowledge.snapshot.user.clone(),
        _ => format!("unknown (OID={number})"),
    }))
}

fn class_is_visible(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    bool(arguments.oid(0).and_then(|number| knowledge.class(number)).map(|class| {
        // The standard's views are in no search path.
        !matches!(class, Class::System(SystemSchema::InformationSchema, _))
    }))
}

fn type_is_visible(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    bool(arguments.oid(0).and_then(|number| knowledge.type_name(number, -1)).map(|_| true))
}

/// All other kinds of things are in schemas that every search path has.
fn exists(_: &Knowledge, arguments: &Arguments) -> Outcome {
    bool(arguments.oid(0).map(|_| true))
}

fn quote_ident(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.text(0).map(|name| quoted(&name)))
}

fn quote_literal(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.text(0).map(|value| literal(&value)))
}

fn quote_nullable(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(Some(arguments.text(0).map_or_else(|| "NULL".to_owned(), |value| literal(&value))))
}

/// A text as a string of SQL.
pub(super) fn literal(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

fn to_regclass(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    oid(arguments.text(0).and_then(|name| knowledge.class_number(&name)))
}

fn to_regtype(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    oid(arguments.text(0).and_then(|name| knowledge.type_number(&name)))
}

fn to_regproc(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    oid(arguments.text(0).and_then(|name| knowledge.function_number(&name)))
}

fn to_regnamespace(_: &Knowledge, arguments: &Arguments) -> Outcome {
    oid(arguments.text(0).and_then(|name| schema_number(&name)))
}

fn to_regrole(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    oid(arguments.text(0).and_then(|name| role_number(knowledge, &name)))
}

/// The number that a cast makes of a name or number.
///
/// Postgres refuses names that mean nothing, and so does this.
fn number_of(
    arguments: &Arguments,
    what: &str,
    kind: ErrorKind,
    find: impl Fn(&str) -> Option<u32>,
) -> Outcome {
    if let Some(number) = arguments.oid(0) {
        return oid(Some(number));
    }
    match arguments.text(0) {
        None => oid(None),
        Some(name) if name == "-" => oid(Some(0)),
        Some(name) => match find(&name) {
            Some(number) => oid(Some(number)),
            None => Err(external(Error::new(kind, format!("{what} \"{name}\" does not exist")))),
        },
    }
}

fn regclass_oid(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    number_of(arguments, "relation", ErrorKind::NotFound, |name| knowledge.class_number(name))
}

fn regtype_oid(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    number_of(arguments, "type", ErrorKind::Type, |name| knowledge.type_number(name))
}

fn regproc_oid(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    number_of(arguments, "function", ErrorKind::UnknownFunction, |name| knowledge.function_number(name))
}

fn regnamespace_oid(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number_of(arguments, "schema", ErrorKind::NotFound, schema_number)
}

fn regrole_oid(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    number_of(arguments, "role", ErrorKind::NotFound, |name| role_number(knowledge, name))
}

/// The name that stands for a number; the number itself where nothing has it, as in Postgres.
fn name_of(arguments: &Arguments, find: impl Fn(u32) -> Option<String>) -> Outcome {
    text(arguments.oid(0).map(|number| match number {
        0 => "-".to_owned(),
        _ => find(number).unwrap_or_else(|| number.to_string()),
    }))
}

fn regclass_name(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    name_of(arguments, |number| knowledge.class_name(number))
}

fn regtype_name(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    name_of(arguments, |number| knowledge.type_name(number, -1))
}

fn regproc_name(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    name_of(arguments, |number| knowledge.function_name(number))
}

fn regnamespace_name(_: &Knowledge, arguments: &Arguments) -> Outcome {
    name_of(arguments, |number| schema_name(number).map(str::to_owned))
}

fn regrole_name(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    name_of(arguments, |number| (number == numbers::OWNER).then(|| quoted(&knowledge.snapshot.user)))
}

fn schema_number(name: &str) -> Option<u32> {
    [numbers::PG_CATALOG, numbers::PUBLIC, numbers::INFORMATION_SCHEMA].into_iter().find(|number| {
        schema_name(*number).is_some_and(|known| known.eq_ignore_ascii_case(name.trim_matches('"')))
    })
}

fn role_number(knowledge: &Knowledge, name: &str) -> Option<u32> {
    (knowledge.snapshot.user == name.trim_matches('"')).then_some(numbers::OWNER)
}

/// An error about an argument.
pub(super) fn invalid(message: impl std::fmt::Display) -> DataFusionError {
    external(Error::new(ErrorKind::Invalid, message.to_string()))
}

/// An error of the engine on its way through DataFusion; whoever runs the query takes it out again.
pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
