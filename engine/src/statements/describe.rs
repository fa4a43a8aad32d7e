//! DESCRIBE.

use arrow::datatypes::DataType;
use tidemill_sql::Position;
use tidemill_sql::lookup::{ColumnRole, SourceColumn, SourceKind};
use tidemill_sql::parser::ast::{DescribeTarget, Show, ShowWhat};
use tidemill_sql::plan::explain::Length;
use tidemill_sql::plan::source::window_bounds;

use crate::catalog::record::print_type;
use crate::error::{Error, ErrorKind, Result};
use crate::physical::PhysicalPlan;
use crate::queries::plan_record;
use crate::response::Response;
use crate::session::Session;
use crate::statements::show;
use crate::statements::text_rows::{Cell, Columns, rows};
use crate::windows::row_retention_ms;
use crate::{aggregates, functions, names};

const COLUMNS: Columns = &[("column", DataType::Utf8), ("type", DataType::Utf8), ("role", DataType::Utf8)];
const ALL_EXTENDED: Columns =
    &[("source", DataType::Utf8), ("property", DataType::Utf8), ("value", DataType::Utf8)];
const EXTENDED: Columns = &[("property", DataType::Utf8), ("value", DataType::Utf8)];
const FUNCTION: Columns = &[("property", DataType::Utf8), ("value", DataType::Utf8)];

/// Columns of an answer, for describing the statement before it runs.
#[must_use]
pub fn columns(target: &DescribeTarget, extended: bool) -> Columns {
    match target {
        DescribeTarget::Source(_) if extended => EXTENDED,
        DescribeTarget::Source(_) => COLUMNS,
        DescribeTarget::Streams => show::columns(&ShowWhat::Streams, extended).unwrap_or(COLUMNS),
        DescribeTarget::Tables => show::columns(&ShowWhat::Tables, extended).unwrap_or(COLUMNS),
        DescribeTarget::Function(_) => FUNCTION,
    }
}

/// Answers DESCRIBE.
///
/// # Errors
/// `NotFound`, `UnknownFunction`.
pub fn describe(session: &Session, target: &DescribeTarget, extended: bool) -> Result<Response> {
    match target {
        DescribeTarget::Source(name) => {
            let describe = if extended { describe_extended } else { describe_source };
            let name_text = name.value.as_str();
            describe(session, name_text).map_err(|mut error| {
                if error.kind == ErrorKind::NotFound {
                    error.message = format!("Could not find STREAM/TABLE '{name_text}' in the Metastore");
                }
                error.at(Position::from_location(name.span.start))
            })
        }
        DescribeTarget::Streams => show::show(session, &Show { what: ShowWhat::Streams, extended }),
        DescribeTarget::Tables => show::show(session, &Show { what: ShowWhat::Tables, extended }),
        DescribeTarget::Function(name) => describe_function(session, name.value.as_str()),
    }
}

fn describe_source(session: &Session, name: &str) -> Result<Response> {
    let catalog = session.engine().catalog().state();
    let source = catalog.source(name)?.source.clone();
    let shown = |name: &str, data_type: &DataType, role: String| -> Result<Vec<Cell>> {
        let name = names::shown(session.options().dialect, name);
        Ok(vec![name.into(), print_type(data_type)?.into(), role.into()])
    };
    let declared =
        source.columns.iter().map(|column| shown(&column.name, &column.data_type, role(column, source.kind)));
    let bounds = window_bounds(&source);
    let bounds = bounds.iter().map(|(name, data_type)| shown(name, data_type, key_role(source.kind)));
    rows(COLUMNS, declared.chain(bounds).collect::<Result<_>>()?)
}

fn role(column: &SourceColumn, kind: SourceKind) -> String {
    match &column.role {
        ColumnRole::Key => key_role(kind),
        ColumnRole::Value => String::new(),
        ColumnRole::Headers => "headers".to_owned(),
        ColumnRole::Header(key) => format!("header('{key}')"),
    }
}

fn key_role(kind: SourceKind) -> String {
    match kind {
        SourceKind::Stream => "key".to_owned(),
        SourceKind::Table => "primary key".to_owned(),
    }
}

fn describe_extended(session: &Session, name: &str) -> Result<Response> {
    rows(EXTENDED, details(session, name)?)
}

/// Columns of [`describe_all`].
pub(super) const fn all_columns() -> Columns {
    ALL_EXTENDED
}

/// All there is to tell about each source of a kind.
///
/// # Errors
/// Those of the disk.
pub(super) fn describe_all(session: &Session, kind: SourceKind) -> Result<Response> {
    let catalog = session.engine().catalog().state();
    let mut cells = Vec::new();
    for name in
        catalog.sources.values().filter(|found| found.source.kind == kind).map(|found| &found.source.name)
    {
        let shown = names::shown(session.options().dialect, name);
        // One may have gone since.
        let Ok(details) = details(session, name) else { continue };
        cells.extend(
            details.into_iter().map(|detail| {
                std::iter::once(Cell::from(shown.as_str())).chain(detail).collect::<Vec<Cell>>()
            }),
        );
    }
    rows(ALL_EXTENDED, cells)
}

fn details(session: &Session, name: &str) -> Result<Vec<Vec<Cell>>> {
    let engine = session.engine();
    let catalog = engine.catalog().state();
    let found = catalog.source(name)?;
    let source = &found.source;
    let kind = match source.kind {
        SourceKind::Stream => "STREAM",
        SourceKind::Table => "TABLE",
    };
    let mut cells = vec![
        vec!["name".into(), names::shown(session.options().dialect, name).into()],
        vec!["type".into(), kind.into()],
        vec!["topic".into(), source.topic.as_str().into()],
        vec!["partitions".into(), source.partitions.to_string().into()],
        vec!["key format".into(), source.key_format.name.as_str().into()],
        vec!["value format".into(), source.value_format.name.as_str().into()],
        vec!["windows".into(), source.window.map(|window| window.to_string()).into()],
    ];
    let filled_by = found.query.as_ref().and_then(|id| catalog.queries.get(id));
    // A query that can no longer be planned does not hide what else there is to tell.
    let plan =
        filled_by.and_then(|record| plan_record(record, &catalog, engine.queries().environment()).ok());
    if let Some(window) = plan.as_ref().and_then(PhysicalPlan::window) {
        cells.push(vec!["grace period".into(), Length(window.grace_ms).to_string().into()]);
        cells.push(vec!["retention".into(), Length(row_retention_ms(window)).to_string().into()]);
    }
    let event_time = source.timestamp.as_ref().map(|timestamp| match &timestamp.format {
        Some(format) => format!("{} as '{format}'", timestamp.column),
        None => timestamp.column.clone(),
    });
    cells.extend([
        vec!["event time".into(), event_time.into()],
        vec!["read only".into(), if source.read_only { "yes" } else { "no" }.into()],
        vec!["statement".into(), found.statement.as_str().into()],
        vec!["filled by".into(), found.query.clone().into()],
        vec!["read by".into(), listed(&catalog.readers(name))],
        vec!["written by".into(), listed(&catalog.writers(name))],
    ]);
    let key = key_role(source.kind).to_uppercase();
    let declared = source.columns.iter().map(|column| {
        let role = match &column.role {
            ColumnRole::Key => key.clone(),
            ColumnRole::Value => String::new(),
            ColumnRole::Headers => "HEADERS".to_owned(),
            ColumnRole::Header(name) => format!("HEADER('{name}')"),
        };
        (column.name.as_str(), &column.data_type, role)
    });
    let bounds = window_bounds(source);
    let bounds = bounds.iter().map(|(name, data_type)| (*name, data_type, key.clone()));
    for (name, data_type, role) in declared.chain(bounds) {
        let shown = format!("column {}", names::shown(session.options().dialect, name));
        cells.push(vec![shown.into(), format!("{} {role}", print_type(data_type)?).trim_end().into()]);
    }
    if let Some(record) = filled_by {
        let rows_out = engine.queries().rows_out(record)?;
        cells.push(vec!["rows out".into(), rows_out.to_string().into()]);
        for (source, counts) in engine.queries().ledgers(record)? {
            let shown = names::shown(session.options().dialect, &source);
            cells.push(vec![format!("records of {shown}").into(), counts.to_string().into()]);
        }
    }
    Ok(cells)
}

/// Names with commas between them; NULL where there are none.
fn listed(names: &[&str]) -> Cell {
    Some(names.join(", ")).filter(|names| !names.is_empty()).into()
}

fn describe_function(session: &Session, name: &str) -> Result<Response> {
    let wanted = name.to_uppercase();
    let catalog = session.engine().catalog().state();
    if let Some(function) = catalog.functions.get(&wanted) {
        let cells = vec![
            vec!["name".into(), function.name.as_str().into()],
            vec!["kind".into(), "USER".into()],
            vec!["call".into(), function.signature().into()],
            vec!["returns".into(), function.returns.to_string().into()],
            vec!["expression".into(), function.body.as_str().into()],
        ];
        return rows(FUNCTION, cells);
    }
    if let Some(function) = aggregates::lookup(&wanted) {
        let mut cells = vec![
            vec!["name".into(), wanted.as_str().into()],
            vec!["kind".into(), "AGGREGATE".into()],
            vec!["description".into(), function.description.into()],
        ];
        let signatures = function.signatures.iter();
        cells.extend(signatures.map(|signature| vec!["call".into(), format!("{wanted}{signature}").into()]));
        cells.push(vec!["example".into(), function.example.into()]);
        return rows(FUNCTION, cells);
    }
    let described = functions::description(&wanted).ok_or_else(|| {
        let mut known = functions::names();
        known.extend(aggregates::all().iter().map(|function| function.name.to_owned()));
        known.extend(catalog.functions.keys().cloned());
        Error::new(ErrorKind::UnknownFunction, format!("there is no function '{name}'"))
            .with_suggestion(&wanted, known.iter().map(String::as_str))
            .or_hint("SHOW FUNCTIONS lists all functions")
    })?;
    let mut cells = vec![
        vec!["name".into(), described.name.into()],
        vec!["kind".into(), described.category.into()],
        vec!["description".into(), described.description.into()],
    ];
    cells.extend(described.forms.into_iter().map(|form| vec!["call".into(), form.into()]));
    cells.extend(described.examples.iter().map(|example| vec!["example".into(), (*example).into()]));
    rows(FUNCTION, cells)
}
