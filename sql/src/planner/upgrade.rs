//! Which sources may take the place of which: CREATE OR REPLACE.
//!
//! What was written before stays in the topic and is read as the new source from then on. So the new one
//! reads the same topic in the same way, has every column that the old one had in its place, and may have
//! more behind them, which are NULL in what was written before.

use super::create_source::schema_text;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{ColumnRole, FormatSpec, Source, SourceColumn, TimestampColumn, WindowKind};
use crate::parser::identifier::quoted_name;

/// Checks that `after` may take the place of `before`.
///
/// # Errors
/// Says all that is in the way.
pub fn check_upgrade(before: &Source, after: &Source) -> Result<(), SqlError> {
    let mut issues: Vec<String> = Vec::new();
    let mut compare = |what: &str, before_text: String, after_text: String| {
        if before_text != after_text {
            issues.push(issue(before, what, &before_text, &after_text));
        }
    };
    compare("type", before.kind.keyword().to_owned(), after.kind.keyword().to_owned());
    compare("topic", before.topic.clone(), after.topic.clone());
    compare("key format", format_text(&before.key_format), format_text(&after.key_format));
    compare("value format", format_text(&before.value_format), format_text(&after.value_format));
    compare("windows", window_text(before.window), window_text(after.window));
    compare(
        "timestamp column",
        timestamp_text(before.timestamp.as_ref()),
        timestamp_text(after.timestamp.as_ref()),
    );
    if let Some(reason) = columns_issue(before, after)? {
        let (old, new) = (schema_text(&before.columns)?, schema_text(&after.columns)?);
        issues.push(format!("{}. ({reason})", issue(before, "schema", &old, &new)));
    }
    if issues.is_empty() {
        return Ok(());
    }
    Err(refusal(&issues.join("\n\tAND ")))
}

/// The error for a source that is to become something else in one respect.
pub(super) fn not_upgradeable(source: &Source, what: &str, before: &str, after: &str) -> SqlError {
    refusal(&issue(source, what, before, after))
}

fn refusal(issues: &str) -> SqlError {
    SqlError::new(SqlErrorKind::Unsupported, format!("Cannot upgrade data source: {issues}"))
        .with_hint("DROP it first, or give the new one another name")
}

fn issue(source: &Source, what: &str, before: &str, after: &str) -> String {
    format!(
        "DataSource '{}' has {what} = {before} which is not upgradeable to {after}",
        quoted_name(&source.name)
    )
}

fn columns_issue(before: &Source, after: &Source) -> Result<Option<String>, SqlError> {
    const CHANGED: &str = "columns are changed, missing or reordered:";
    let columns = |source: &Source, is_key: bool| -> Vec<SourceColumn> {
        let columns = source.columns.iter().filter(|column| (column.role == ColumnRole::Key) == is_key);
        columns.cloned().collect()
    };
    let (old, new) = (columns(before, true), columns(after, true));
    let missing = not_in_place(&old, &new);
    if !missing.is_empty() {
        let listed = schema_text(&missing)?;
        return Ok(Some(format!("Key columns must be identical. The following key {CHANGED} [{listed}]")));
    }
    if old.len() != new.len() {
        let listed = schema_text(&not_in_place(&new, &old))?;
        return Ok(Some(format!("Key columns must be identical. The following key {CHANGED} [{listed}]")));
    }
    let missing = not_in_place(&columns(before, false), &columns(after, false));
    if missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("The following {CHANGED} [{}]", schema_text(&missing)?)))
}

/// The columns that are not in the same place in the other list.
fn not_in_place(columns: &[SourceColumn], others: &[SourceColumn]) -> Vec<SourceColumn> {
    let places = columns.iter().enumerate();
    places
        .filter(|(place, column)| others.get(*place) != Some(*column))
        .map(|(_, column)| column.clone())
        .collect()
}

fn format_text(format: &FormatSpec) -> String {
    let mut text = format.name.clone();
    for (name, value) in &format.properties {
        text.push_str(&format!(" {name}='{value}'"));
    }
    if let Some(wrap) = format.wrap_single {
        text.push_str(&format!(" WRAP_SINGLE_VALUE={wrap}"));
    }
    text
}

fn window_text(window: Option<WindowKind>) -> String {
    match window {
        None => "none".to_owned(),
        Some(WindowKind::Tumbling { size_ms }) => format!("TUMBLING (SIZE {size_ms} MILLISECONDS)"),
        Some(WindowKind::Hopping { size_ms, advance_ms }) => {
            format!("HOPPING (SIZE {size_ms} MILLISECONDS, ADVANCE BY {advance_ms} MILLISECONDS)")
        }
        Some(WindowKind::Session { gap_ms }) => format!("SESSION ({gap_ms} MILLISECONDS)"),
    }
}

fn timestamp_text(timestamp: Option<&TimestampColumn>) -> String {
    match timestamp {
        None => "none".to_owned(),
        Some(TimestampColumn { column, format: None }) => column.clone(),
        Some(TimestampColumn { column, format: Some(format) }) => format!("{column} as '{format}'"),
    }
}
