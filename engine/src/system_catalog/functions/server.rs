//! The server, the session and its rights.

use datafusion::scalar::ScalarValue;

use super::Declaration;
use super::names::external;
use super::native::{Arguments, Outcome, ResultType, bool, number, text};
use crate::error::{Error, ErrorKind};
use crate::system_catalog::knowledge::Knowledge;
use crate::system_catalog::tables::server::UTF8_ENCODING;

/// What `version()` says: drivers read the number behind the first word.
const VERSION: &str = concat!("PostgreSQL 15.0 (Tidemill ", env!("CARGO_PKG_VERSION"), ")");

pub(super) const FUNCTIONS: &[Declaration] = &[
    ("version", ResultType::Text, version),
    ("current_database", ResultType::Text, database),
    ("current_catalog", ResultType::Text, database),
    ("current_schema", ResultType::Text, schema),
    ("current_schemas", ResultType::TextArray, schemas),
    ("current_user", ResultType::Text, user),
    ("session_user", ResultType::Text, user),
    ("current_role", ResultType::Text, user),
    ("user", ResultType::Text, user),
    ("current_setting", ResultType::Text, setting),
    ("pg_backend_pid", ResultType::Int4, backend_id),
    ("pg_client_encoding", ResultType::Text, encoding),
    ("getdatabaseencoding", ResultType::Text, encoding),
    ("pg_encoding_to_char", ResultType::Text, encoding_name),
    ("pg_char_to_encoding", ResultType::Int4, encoding_number),
    ("pg_is_in_recovery", ResultType::Bool, no),
    ("pg_postmaster_start_time", ResultType::Timestamp, unknown_time),
    ("pg_conf_load_time", ResultType::Timestamp, unknown_time),
    ("pg_last_xact_replay_timestamp", ResultType::Timestamp, unknown_time),
    ("inet_client_addr", ResultType::Text, unknown_text),
    ("inet_client_port", ResultType::Int4, unknown_number),
    ("inet_server_addr", ResultType::Text, unknown_text),
    ("inet_server_port", ResultType::Int4, unknown_number),
    ("pg_advisory_unlock_all", ResultType::Text, void),
    ("has_any_column_privilege", ResultType::Bool, yes),
    ("has_column_privilege", ResultType::Bool, yes),
    ("has_database_privilege", ResultType::Bool, yes),
    ("has_foreign_data_wrapper_privilege", ResultType::Bool, yes),
    ("has_function_privilege", ResultType::Bool, yes),
    ("has_language_privilege", ResultType::Bool, yes),
    ("has_parameter_privilege", ResultType::Bool, yes),
    ("has_schema_privilege", ResultType::Bool, yes),
    ("has_sequence_privilege", ResultType::Bool, yes),
    ("has_server_privilege", ResultType::Bool, yes),
    ("has_table_privilege", ResultType::Bool, yes),
    ("has_tablespace_privilege", ResultType::Bool, yes),
    ("has_type_privilege", ResultType::Bool, yes),
    ("pg_has_role", ResultType::Bool, yes),
    ("row_security_active", ResultType::Bool, no),
];

fn version(_: &Knowledge, _: &Arguments) -> Outcome {
    text(Some(VERSION))
}

fn database(knowledge: &Knowledge, _: &Arguments) -> Outcome {
    text(Some(knowledge.snapshot.database.as_str()))
}

fn schema(_: &Knowledge, _: &Arguments) -> Outcome {
    text(Some("public"))
}

/// The search path; with the schemas that are always in it where the argument says so.
fn schemas(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let names: &[&str] =
        if arguments.bool(0) == Some(true) { &["pg_catalog", "public"] } else { &["public"] };
    let names: Vec<ScalarValue> = names.iter().map(|name| ScalarValue::from(*name)).collect();
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&names, &arrow::datatypes::DataType::Utf8)))
}

fn user(knowledge: &Knowledge, _: &Arguments) -> Outcome {
    text(Some(knowledge.snapshot.user.as_str()))
}

fn setting(knowledge: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(name) = arguments.text(0) else {
        return text(None::<String>);
    };
    match knowledge.setting(&name) {
        Some(value) => text(Some(value)),
        // The second argument says that a missing setting is no error.
        None if arguments.bool(1) == Some(true) => text(None::<String>),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(external(Error::new(ErrorKind::UnknownSetting, message)))
        }
    }
}

fn backend_id(knowledge: &Knowledge, _: &Arguments) -> Outcome {
    number(Some(i64::from(knowledge.snapshot.backend_id)))
}

fn encoding(_: &Knowledge, _: &Arguments) -> Outcome {
    text(Some("UTF8"))
}

fn encoding_name(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.number(0).map(|encoding| if encoding == i64::from(UTF8_ENCODING) { "UTF8" } else { "" }))
}

fn encoding_number(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number(arguments.text(0).map(|name| match name.to_uppercase().as_str() {
        "UTF8" | "UTF-8" | "UNICODE" => i64::from(UTF8_ENCODING),
        _ => -1,
    }))
}

/// While no users are defined, whoever connects may do everything.
fn yes(_: &Knowledge, _: &Arguments) -> Outcome {
    bool(Some(true))
}

fn no(_: &Knowledge, _: &Arguments) -> Outcome {
    bool(Some(false))
}

fn void(_: &Knowledge, _: &Arguments) -> Outcome {
    text(Some(""))
}

fn unknown_text(_: &Knowledge, _: &Arguments) -> Outcome {
    text(None::<String>)
}

fn unknown_number(_: &Knowledge, _: &Arguments) -> Outcome {
    number(None)
}

fn unknown_time(_: &Knowledge, _: &Arguments) -> Outcome {
    Ok(ScalarValue::Null)
}
