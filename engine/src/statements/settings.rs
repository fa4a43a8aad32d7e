//! SET, UNSET, SHOW of a setting: ksqlDB's properties and the settings Postgres clients ask for.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use futures::stream;
use tidemill_sql::error::closest;
use tidemill_sql::lookup;
use tidemill_sql::parser::keywords::LISTED;

use crate::error::{Error, ErrorKind, Result};
use crate::response::{Response, Rows};
use crate::session::Session;
use crate::statements::foreign_settings::{Owner, owner};
use crate::statements::kafka_settings;
use crate::statements::text_rows::Cell;

/// A setting: lower-case name, default, what it does.
pub struct Setting {
    /// Name as it is shown.
    pub name: &'static str,
    /// Value unless it was set.
    pub default: &'static str,
    /// For people.
    pub description: &'static str,
    /// Whether a value is accepted.
    pub check: fn(&str) -> bool,
}

fn any(_: &str) -> bool {
    true
}

fn boolean(value: &str) -> bool {
    lookup::is_on(value).is_some()
}

/// Whether the value of a setting that is on or off says on.
#[must_use]
pub fn is_on(value: &str) -> bool {
    lookup::is_on(value) == Some(true)
}

fn number(value: &str) -> bool {
    value.trim().parse::<i64>().is_ok()
}

fn partitions(value: &str) -> bool {
    value.trim().parse::<u32>().is_ok_and(|partitions| partitions > 0)
}

fn duration(value: &str) -> bool {
    parse_duration(value).is_some()
}

fn offset_reset(value: &str) -> bool {
    ["earliest", "latest"].contains(&value.to_lowercase().as_str())
}

fn overtaken(value: &str) -> bool {
    ["emit", "forget"].contains(&value.to_lowercase().as_str())
}

fn overflow(value: &str) -> bool {
    ["null", "fail"].contains(&value.to_lowercase().as_str())
}

macro_rules! settings {
    ($($name:literal, $default:literal, $check:ident, $description:literal;)*) => {
        /// Every setting there is.
        pub const SETTINGS: &[Setting] = &[
            $(Setting { name: $name, default: $default, description: $description, check: $check },)*
        ];
    };
}

settings! {
    "auto.offset.reset", "", offset_reset, "Where a new query begins: earliest or latest. Unset: persistent queries at the earliest record, queries of a session at the latest.";
    "cache.max.bytes.buffering", "", number, "0: every update of a key is passed on one by one. Otherwise updates within a round are combined.";
    "ksql.functions.collect_list.limit", "", number, "The most entries an array of COLLECT_LIST holds in a query made from now on; unset or negative for all.";
    "ksql.functions.collect_set.limit", "", number, "The same for COLLECT_SET.";
    "ksql.new.query.planner.enabled", "false", boolean, "Whether a stream's key columns are ordered as they are selected, as ksqlDB's newer planner does.";
    "ksql.persistence.default.format.key", "KAFKA", any, "Key format of sources that name none.";
    "ksql.persistence.default.format.value", "", any, "Value format of sources that name none.";
    "ksql.persistence.wrap.single.values", "", any, "Whether a single value column is wrapped in a record.";
    "ksql.output.topic.name.prefix", "", any, "What the names of result topics begin with.";
    "ksql.query.pull.limit.clause.enabled", "true", boolean, "Whether ksqlDB's SELECT over what is there now may have a LIMIT.";
    "ksql.query.pull.range.scan.enabled", "true", boolean, "Whether a SELECT by ksqlDB's rules over what is there now may read a range of a table's keys where it may not read the whole table.";
    "ksql.query.pull.table.scan.enabled", "true", boolean, "Whether a SELECT by ksqlDB's rules over what is there now may read a whole table.";
    "ksql.variable.substitution.enable", "true", boolean, "Whether ${name} in a statement stands for the text that DEFINE gave the name.";
    "ksql.query.push.v2.enabled", "false", boolean, "Whether a query that passes on what another query writes from now on leaves out records without a key or a value, as ksqlDB's scalable push queries do.";
    "ksql.sink.partitions", "", partitions, "Partitions of result topics whose statement does not say; unset for those of the input.";
    "ksql.timestamp.throw.on.invalid", "false", boolean, "Whether a record without a legal event time ends queries made from now on. Otherwise it is rejected and the others go on.";
    "tidemill.emit.final.overtaken", "emit", overtaken, "What becomes of final results of new queries whose RETENTION is over when event time jumps past the end of their window: emit them, or forget them as ksqlDB does.";
    "tidemill.sum.overflow", "null", overflow, "What becomes of the SUM of a DECIMAL that does not fit its type, in new queries: it is null while that is so, or the query fails as in ksqlDB.";
    "tidemill.ksqldb.limits", "false", boolean, "Refuse what ksqlDB cannot run although it could be run here: for statements that have to run on both.";
    "tidemill.query.loops", "false", boolean, "Whether a new query may read what it writes, by itself or over others.";
    "application_name", "", any, "The client's own name.";
    "bytea_output", "hex", any, "Text form of BYTES.";
    "client_encoding", "UTF8", any, "Always UTF8.";
    "client_min_messages", "notice", any, "Accepted.";
    "datestyle", "ISO, MDY", any, "Always ISO.";
    "default_transaction_isolation", "read committed", any, "Accepted.";
    "default_transaction_read_only", "off", boolean, "Accepted.";
    "extra_float_digits", "1", any, "Accepted; the shortest text that reads back is written.";
    "idle_in_transaction_session_timeout", "0", any, "Accepted.";
    "integer_datetimes", "on", any, "Always on.";
    "intervalstyle", "postgres", any, "Always postgres.";
    "is_superuser", "on", any, "While no users are defined.";
    "jit", "off", any, "Accepted.";
    "lc_collate", "C", any, "Texts are ordered by their bytes.";
    "lc_ctype", "C.UTF-8", any, "Characters are Unicode's.";
    "lock_timeout", "0", any, "Accepted.";
    "max_identifier_length", "255", any, "Longest name.";
    "row_security", "on", any, "Accepted.";
    "search_path", "\"$user\", public", any, "Accepted; streams and tables stand in public.";
    "server_encoding", "UTF8", any, "Always UTF8.";
    "server_version", "15.0", any, "The Postgres version whose protocol and catalogs are followed.";
    "server_version_num", "150000", any, "The same as a number.";
    "session_authorization", "tidemill", any, "The session's user.";
    "standard_conforming_strings", "on", any, "Always on.";
    "statement_timeout", "0", duration, "Time after which a statement is cancelled; 0 for never.";
    "synchronous_commit", "on", any, "What is acknowledged is on disk.";
    "synchronize_seqscans", "on", any, "Accepted.";
    "timezone", "UTC", any, "Time zone of the session; times are stored and shown in UTC.";
    "transaction_isolation", "read committed", any, "Accepted.";
    "transaction_read_only", "off", any, "Accepted.";
    "vacuum_defer_cleanup_age", "0", any, "Accepted.";
    "xmloption", "content", any, "Accepted.";
}

/// A setting by name, in any case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))
}

/// The time that `250`, `250ms`, `2 s`, `1min` or `1d` says, as Postgres reads its settings.
#[must_use]
pub fn parse_duration(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value[..digits].parse().ok()?;
    let micros = match value[digits..].trim() {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "min" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    number.checked_mul(micros).map(Duration::from_micros)
}

/// Checks a new value. Gives a sentence for whoever sets what nothing here reads and expects something
/// of it.
///
/// # Errors
/// `UnknownSetting`, `Invalid`.
pub fn check(name: &str, value: &str) -> Result<Option<String>> {
    match find(name) {
        Some(setting) if (setting.check)(value) => Ok(None),
        Some(setting) => {
            Err(Error::new(ErrorKind::Invalid, format!("'{value}' is no value for '{}'", setting.name))
                .with_hint(setting.description))
        }
        None => check_foreign(name),
    }
}

/// Checks a name that is neither declared here nor set: what clients keep for themselves is there only when
/// it is set.
///
/// # Errors
/// `UnknownSetting`.
pub fn check_unset(name: &str) -> Result<()> {
    match owner(name) {
        Some(Owner::Postgres | Owner::Kafka) => Ok(()),
        Some(Owner::Client) | None => Err(unknown(name)),
    }
}

/// The same as [`check`] for a name that is not declared here.
fn check_foreign(name: &str) -> Result<Option<String>> {
    match owner(name) {
        Some(Owner::Postgres) => Ok(None),
        // A slip in one of the names declared here is no name of another's.
        Some(Owner::Kafka | Owner::Client) if near(name).is_some() => Err(unknown(name)),
        Some(Owner::Kafka) => {
            Ok(Some(format!("'{name}' is a setting of Kafka or ksqlDB that has no effect here")))
        }
        Some(Owner::Client) => Ok(None),
        None => Err(unknown(name)),
    }
}

/// Checks the name of a property, as ksqlDB has them: one of its own, of Kafka's or of those declared here.
/// Clients keep no values of their own under them.
///
/// # Errors
/// `UnknownSetting`.
pub fn check_property(name: &str) -> Result<()> {
    let declared = canonical(name);
    if find(&declared).is_some() || matches!(owner(&declared), Some(Owner::Kafka | Owner::Postgres)) {
        return Ok(());
    }
    let message = format!("Not recognizable as ksql, streams, consumer, or producer property: '{name}'");
    Err(suggested(Error::new(ErrorKind::UnknownSetting, message), &declared))
}

fn unknown(name: &str) -> Error {
    suggested(Error::new(ErrorKind::UnknownSetting, format!("there is no setting '{name}'")), name)
}

fn suggested(error: Error, name: &str) -> Error {
    match near(name) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error.with_hint("SHOW PROPERTIES lists all settings"),
    }
}

/// The setting, of those declared here or of Kafka's, that a name which is none may be a slip of.
fn near(name: &str) -> Option<&'static str> {
    /// Letters swapped, left out or mistyped.
    const SLIPS_MAX: usize = 3;
    let name = name.to_lowercase();
    let name = kafka_settings::without_client(&name);
    let names = SETTINGS.iter().map(|setting| setting.name).chain(kafka_settings::listed());
    let distances = names.map(|known| (strsim::damerau_levenshtein(known, name), known));
    // Of a short name little would be left.
    let slips_max = SLIPS_MAX.min(name.chars().count() / 3);
    distances.min().filter(|(distance, _)| (1..=slips_max).contains(distance)).map(|(_, near)| near)
}

/// All settings with their values.
#[must_use]
pub fn all(session: &Session) -> Vec<Vec<Cell>> {
    SETTINGS
        .iter()
        .map(|setting| {
            let value = session.setting(setting.name).unwrap_or_default();
            vec![setting.name.into(), value.into(), setting.description.into()]
        })
        .collect()
}

/// The declared name of a setting that has several: Postgres' spelling of `SHOW TIME ZONE` and the like,
/// ksqlDB's properties with the name of the client that they are meant for.
#[must_use]
pub fn canonical(name: &str) -> String {
    let name = name.to_lowercase();
    let of_client = ["ksql.streams.consumer.", "ksql.streams.", "consumer."]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .filter(|rest| find(rest).is_some());
    match of_client.unwrap_or(&name) {
        "statestore.cache.max.bytes" => "cache.max.bytes.buffering".to_owned(),
        "time zone" => "timezone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "session authorization" => "session_authorization".to_owned(),
        "names" => "client_encoding".to_owned(),
        other => other.to_owned(),
    }
}

/// Answers `SHOW name`.
///
/// # Errors
/// `NotFound`.
pub fn show_one(session: &Session, name: &str) -> Result<Response> {
    let name = canonical(name);
    // Other words behind SHOW are lists.
    let value = session.setting(&name).ok_or_else(|| match closest(&name, LISTED) {
        Some(list) if near(&name).is_none() => {
            let message = format!("SHOW knows neither a list nor a setting '{name}'");
            Error::new(ErrorKind::UnknownSetting, message).with_hint(format!("did you mean '{list}'?"))
        }
        _ => unknown(&name),
    })?;
    let schema = show_one_schema(&name);
    let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(StringArray::from(vec![value]))])?;
    Ok(Response::Rows(Rows::finite(schema, Box::pin(stream::iter([Ok(batch)])))))
}

/// The column of `SHOW name`.
#[must_use]
pub fn show_one_schema(name: &str) -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new(canonical(name), DataType::Utf8, true)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_knows_is_refused_with_what_may_have_been_meant() {
        for (name, hint) in [
            ("statement_timeuot", "did you mean 'statement_timeout'?"),
            ("atuo.offset.reset", "did you mean 'auto.offset.reset'?"),
            ("auto.ofset.reset", "did you mean 'auto.offset.reset'?"),
            ("tidemill.emit.final.overtake", "did you mean 'tidemill.emit.final.overtaken'?"),
            ("no_such_setting_at_all", "SHOW PROPERTIES lists all settings"),
        ] {
            let error = check(name, "1").expect_err(name);
            assert_eq!(
                (error.kind, error.hint.as_deref()),
                (ErrorKind::UnknownSetting, Some(hint)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_property_that_nobody_knows_is_refused() {
        for (name, hint) in [
            ("foo.bar", "SHOW PROPERTIES lists all settings"),
            ("auto.offst.reset", "did you mean 'auto.offset.reset'?"),
            ("ksql.streams.num.stream.treads", "did you mean 'num.stream.threads'?"),
            ("ksql.no.such", "SHOW PROPERTIES lists all settings"),
        ] {
            let error = check_property(name).expect_err(name);
            assert!(error.message.starts_with("Not recognizable as"), "{error}");
            assert_eq!(error.hint.as_deref(), Some(hint), "{name}");
        }
        for name in ["auto.offset.reset", "ksql.streams.auto.offset.reset", "linger.ms", "statement_timeout"]
        {
            check_property(name).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn settings_of_kafka_and_ksqldb_are_taken_and_said_to_do_nothing() {
        let notice = check("processing.guarantee", "exactly_once_v2").expect("is taken").expect("is told");
        assert_eq!(notice, "'processing.guarantee' is a setting of Kafka or ksqlDB that has no effect here");
        for name in ["enable_seqscan", "auto.offset.reset", "my_app.user_id"] {
            assert_eq!(check(name, "latest"), Ok(None), "{name}");
        }
    }

    #[test]
    fn a_property_may_name_the_client_it_is_meant_for() {
        assert_eq!(canonical("ksql.streams.auto.offset.reset"), "auto.offset.reset");
        assert_eq!(canonical("ksql.streams.consumer.auto.offset.reset"), "auto.offset.reset");
        assert_eq!(canonical("ksql.streams.num.stream.threads"), "ksql.streams.num.stream.threads");
        assert_eq!(canonical("TIME ZONE"), "timezone");
    }

    #[test]
    fn a_timeout_is_milliseconds_or_has_a_unit() {
        for (value, millis) in
            [("0", 0), ("250", 250), ("5s", 5_000), (" 2 min", 120_000), ("1d", 86_400_000)]
        {
            assert_eq!(parse_duration(value), Some(Duration::from_millis(millis)), "{value}");
            assert!(check("statement_timeout", value).is_ok(), "{value}");
        }
        assert_eq!(parse_duration("500us"), Some(Duration::from_micros(500)));
        for value in ["5 parsecs", "-1", "", "99999999999999999999", "9999999999999999999d"] {
            assert!(check("statement_timeout", value).is_err(), "{value}");
        }
    }
}
