//! Settings whose values a client is told without asking: at the start, and whenever they change.

use pgwire::messages::startup::ParameterStatus;
use tidemill_engine::Session;

use super::wire::Wire;

/// Name and default of every reported setting, spelled as Postgres spells them. Where the session knows
/// the setting, its value counts.
const REPORTED: [(&str, &str); 14] = [
    ("server_version", concat!("15.0 (Tidemill ", env!("CARGO_PKG_VERSION"), ")")),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("application_name", ""),
    ("is_superuser", "on"),
    ("session_authorization", ""),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
    ("search_path", "public"),
];

/// What the client was told.
pub(super) struct ReportedSettings {
    values: Vec<Option<String>>,
}

impl ReportedSettings {
    /// Nothing yet.
    pub(super) fn new() -> ReportedSettings {
        ReportedSettings { values: vec![None; REPORTED.len()] }
    }

    /// Tells the client what has changed.
    pub(super) fn report(&mut self, session: &Session, wire: &mut Wire) {
        for ((name, default), told) in REPORTED.iter().zip(&mut self.values) {
            let value = session.setting(name).unwrap_or_else(|| match *name {
                "session_authorization" => session.options().user.clone(),
                _ => (*default).to_owned(),
            });
            if told.as_ref() != Some(&value) {
                wire.put(&ParameterStatus::new((*name).to_owned(), value.clone()));
                *told = Some(value);
            }
        }
    }
}
