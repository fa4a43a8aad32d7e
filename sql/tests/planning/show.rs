//! Planned things as text.

use std::fmt::Write as _;

use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source};
use tidemill_sql::plan::QueryPlan;
use tidemill_sql::planner::PlannedRows;
use tidemill_sql::type_system::SqlType;

/// A stream or table.
pub(crate) fn source(source: &Source) -> String {
    let mut text = format!(
        "{:?} {} on {}/{}, key {}, value {}",
        source.kind,
        source.name,
        source.topic,
        source.partitions,
        format(&source.key_format),
        format(&source.value_format)
    );
    if let Some(window) = &source.window {
        let _ = write!(text, ", windows {window}");
    }
    if let Some(timestamp) = &source.timestamp {
        let _ = write!(text, ", time {} {}", timestamp.column, timestamp.format.as_deref().unwrap_or(""));
    }
    if source.read_only {
        text.push_str(", read-only");
    }
    for column in &source.columns {
        let data_type = SqlType::from_arrow(&column.data_type).expect("a type of SQL");
        let role = match &column.role {
            ColumnRole::Key => " KEY".to_owned(),
            ColumnRole::Value => String::new(),
            ColumnRole::Headers => " HEADERS".to_owned(),
            ColumnRole::Header(key) => format!(" HEADER('{key}')"),
        };
        let _ = write!(text, "\n  {} {data_type}{role}", column.name);
    }
    text
}

/// A query.
pub(crate) fn query(query: &QueryPlan) -> String {
    let mut text = format!("{:?} keyed by [{}]", query.kind, query.key.join(", "));
    if let Some(window) = &query.window {
        let _ = write!(text, ", windows {window}");
    }
    if let Some(limit) = query.limit {
        let _ = write!(text, ", limit {limit}");
    }
    for line in query.plan.display_indent().to_string().lines() {
        let _ = write!(text, "\n  {line}");
    }
    text
}

/// Rows to insert.
pub(crate) fn rows(rows: &PlannedRows) -> String {
    let mut text = format!("into {}", rows.target.name);
    for row in &rows.rows {
        let values: Vec<String> = row.values.iter().map(ToString::to_string).collect();
        let _ = write!(text, "\n  [{}]", values.join(", "));
        if let Some(rowtime) = &row.rowtime {
            let _ = write!(text, " at {rowtime}");
        }
    }
    text
}

fn format(format: &FormatSpec) -> String {
    let mut text = format.name.clone();
    if !format.properties.is_empty() {
        let properties: Vec<String> =
            format.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = write!(text, " ({})", properties.join(", "));
    }
    if let Some(wrap) = format.wrap_single {
        let _ = write!(text, " wrap={wrap}");
    }
    text
}
