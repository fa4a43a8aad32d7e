//! SHOW and LIST.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;
use tidemill_sql::lookup::SourceKind;
use tidemill_sql::parser::ast::{Show, ShowWhat};

use crate::catalog::record::{QueryRecord, print_type};
use crate::error::Result;
use crate::response::Response;
use crate::runtime::ledger::Counts;
use crate::runtime::query::QueryStatus;
use crate::session::Session;
use crate::statements::text_rows::{Cell, Columns, rows};
use crate::statements::{describe, settings};
use crate::{aggregates, functions, names};

const SOURCES: Columns = &[
    ("name", DataType::Utf8),
    ("kafka_topic", DataType::Utf8),
    ("key_format", DataType::Utf8),
    ("value_format", DataType::Utf8),
    ("windowed", DataType::Utf8),
    ("query", DataType::Utf8),
];
const TOPICS: Columns = &[
    ("topic", DataType::Utf8),
    ("partitions", DataType::Int64),
    ("replicas", DataType::Int64),
    ("records", DataType::Int64),
    ("size_bytes", DataType::Int64),
    ("durability", DataType::Utf8),
];
const TOPICS_EXTENDED: Columns = &[
    ("topic", DataType::Utf8),
    ("partitions", DataType::Int64),
    ("replicas", DataType::Int64),
    ("records", DataType::Int64),
    ("size_bytes", DataType::Int64),
    ("durability", DataType::Utf8),
    ("cleanup_policy", DataType::Utf8),
    ("retention_ms", DataType::Int64),
    ("sources", DataType::Utf8),
    ("read_by", DataType::Utf8),
    ("written_by", DataType::Utf8),
    ("consumer_groups", DataType::Utf8),
];
const QUERIES_EXTENDED: Columns =
    &[("query", DataType::Utf8), ("property", DataType::Utf8), ("value", DataType::Utf8)];
const QUERIES: Columns = &[
    ("id", DataType::Utf8),
    ("status", DataType::Utf8),
    ("sink", DataType::Utf8),
    ("sources", DataType::Utf8),
    ("records_in", DataType::Int64),
    ("rows_out", DataType::Int64),
    ("filtered", DataType::Int64),
    ("late", DataType::Int64),
    ("rejected", DataType::Int64),
    ("statement", DataType::Utf8),
];
const FUNCTIONS: Columns =
    &[("name", DataType::Utf8), ("category", DataType::Utf8), ("description", DataType::Utf8)];
const PROPERTIES: Columns =
    &[("property", DataType::Utf8), ("value", DataType::Utf8), ("description", DataType::Utf8)];
const TYPES: Columns = &[("name", DataType::Utf8), ("type", DataType::Utf8)];
const VARIABLES: Columns = &[("name", DataType::Utf8), ("value", DataType::Utf8)];

/// Columns of an answer, for describing the statement before it runs; `None` where they depend on the
/// statement.
#[must_use]
pub fn columns(what: &ShowWhat, extended: bool) -> Option<Columns> {
    Some(match what {
        ShowWhat::Streams | ShowWhat::Tables if extended => describe::all_columns(),
        ShowWhat::Streams | ShowWhat::Tables => SOURCES,
        ShowWhat::Topics { .. } if extended => TOPICS_EXTENDED,
        ShowWhat::Topics { .. } => TOPICS,
        ShowWhat::Queries if extended => QUERIES_EXTENDED,
        ShowWhat::Queries => QUERIES,
        ShowWhat::Functions => FUNCTIONS,
        ShowWhat::Properties | ShowWhat::AllSettings => PROPERTIES,
        ShowWhat::Types => TYPES,
        ShowWhat::Variables => VARIABLES,
        ShowWhat::Setting(_) => return None,
    })
}

/// Answers SHOW.
///
/// # Errors
/// `NotFound` for a setting that does not exist.
pub fn show(session: &Session, statement: &Show) -> Result<Response> {
    match &statement.what {
        ShowWhat::Streams if statement.extended => describe::describe_all(session, SourceKind::Stream),
        ShowWhat::Tables if statement.extended => describe::describe_all(session, SourceKind::Table),
        ShowWhat::Streams => sources(session, SourceKind::Stream),
        ShowWhat::Tables => sources(session, SourceKind::Table),
        ShowWhat::Topics { all } => topics(session, *all, statement.extended),
        ShowWhat::Queries if statement.extended => queries_extended(session),
        ShowWhat::Queries => queries(session),
        ShowWhat::Functions => list_functions(session),
        ShowWhat::Properties | ShowWhat::AllSettings => rows(PROPERTIES, settings::all(session)),
        ShowWhat::Types => types(session),
        ShowWhat::Variables => {
            let cells = session
                .variables()
                .iter()
                .map(|(name, value)| vec![name.as_str().into(), value.as_str().into()]);
            rows(VARIABLES, cells.collect())
        }
        ShowWhat::Setting(name) => settings::show_one(session, name),
    }
}

fn sources(session: &Session, kind: SourceKind) -> Result<Response> {
    let catalog = session.engine().catalog().state();
    let cells = catalog.sources.values().filter(|found| found.source.kind == kind).map(|found| {
        let source = &found.source;
        vec![
            names::shown(session.options().dialect, &source.name).into(),
            source.topic.as_str().into(),
            source.key_format.name.as_str().into(),
            source.value_format.name.as_str().into(),
            if source.window.is_some() { "true" } else { "false" }.into(),
            found.query.clone().into(),
        ]
    });
    rows(SOURCES, cells.collect())
}

/// Topics of the server itself, which only `ALL` lists.
fn is_internal(topic: &str) -> bool {
    topic == crate::processing_log::TOPIC || topic.starts_with('_')
}

fn topics(session: &Session, all: bool, extended: bool) -> Result<Response> {
    let engine = session.engine();
    let uses = if extended { Some(TopicUses::of(session)?) } else { None };
    let mut cells = Vec::new();
    for topic in engine.topics().list() {
        if !all && is_internal(topic.name.as_str()) {
            continue;
        }
        let (mut records, mut bytes) = (0, 0);
        for target in tidemill_storage::log::partitions_of(&topic) {
            // A topic may be deleted while it is listed.
            if let Ok(offsets) = engine.topics().offsets(&target) {
                records += offsets.high_watermark.0 - offsets.log_start.0;
            }
            bytes += engine.topics().size_bytes(&target).unwrap_or(0);
        }
        let mut row: Vec<Cell> = vec![
            topic.name.as_str().into(),
            Cell::Number(Some(i64::from(topic.settings.partitions))),
            Cell::Number(Some(1)),
            records.into(),
            bytes.into(),
            "synced".into(),
        ];
        if let Some(uses) = &uses {
            let name = topic.name.as_str();
            let policy = match (topic.settings.compact, topic.settings.retention_ms) {
                (true, None) => "compact",
                (true, Some(_)) => "compact,delete",
                (false, _) => "delete",
            };
            row.push(policy.into());
            row.push(Cell::Number(topic.settings.retention_ms));
            let lists = [&uses.sources, &uses.read_by, &uses.written_by, &uses.groups];
            row.extend(lists.map(|list| {
                let names = list.get(name).map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
                Cell::from(names.unwrap_or_default().join(", "))
            }));
        }
        cells.push(row);
    }
    rows(if extended { TOPICS_EXTENDED } else { TOPICS }, cells)
}

/// Who uses which topic, by the topic's name.
#[derive(Default)]
struct TopicUses {
    /// Streams and tables over it.
    sources: BTreeMap<String, BTreeSet<String>>,
    /// Queries that read it.
    read_by: BTreeMap<String, BTreeSet<String>>,
    /// Queries that write it.
    written_by: BTreeMap<String, BTreeSet<String>>,
    /// Groups of Kafka consumers that have committed how far they are in it.
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl TopicUses {
    fn of(session: &Session) -> Result<TopicUses> {
        let engine = session.engine();
        let catalog = engine.catalog().state();
        let mut uses = TopicUses::default();
        let note = |uses: &mut BTreeMap<String, BTreeSet<String>>, topic: &str, user: &str| {
            uses.entry(topic.to_owned()).or_default().insert(user.to_owned());
        };
        for found in catalog.sources.values() {
            let shown = names::shown(session.options().dialect, &found.source.name);
            note(&mut uses.sources, &found.source.topic, &shown);
        }
        for query in catalog.queries.values() {
            for read in query.sources.iter().filter_map(|name| catalog.sources.get(name)) {
                note(&mut uses.read_by, &read.source.topic, &query.id);
            }
            if let Some(sink) = catalog.sources.get(&query.sink) {
                note(&mut uses.written_by, &sink.source.topic, &query.id);
            }
        }
        let groups = engine.topics().groups();
        for group in groups.groups()? {
            for target in groups.fetch(&group)?.keys() {
                note(&mut uses.groups, target.topic.as_str(), &group);
            }
        }
        Ok(uses)
    }
}

/// The state of a query, as it is told.
fn status(session: &Session, record: &QueryRecord) -> String {
    match session.engine().queries().status(&record.id) {
        Some(QueryStatus::Running) => "RUNNING".to_owned(),
        Some(QueryStatus::Waiting(reason)) => format!("RUNNING, waiting: {reason}"),
        Some(QueryStatus::Paused(None)) => "PAUSED".to_owned(),
        Some(QueryStatus::Paused(Some(reason))) => format!("PAUSED: {reason}"),
        Some(QueryStatus::Failed(reason)) => format!("FAILED: {reason}"),
        Some(QueryStatus::Stopped) | None => "STOPPED".to_owned(),
    }
}

/// Names of sources as the session shows them.
fn shown_sources(session: &Session, record: &QueryRecord) -> String {
    let shown = record.sources.iter().map(|name| names::shown(session.options().dialect, name));
    shown.collect::<Vec<_>>().join(", ")
}

fn queries(session: &Session) -> Result<Response> {
    let engine = session.engine();
    let catalog = engine.catalog().state();
    let cells = catalog.queries.values().map(|record| {
        let rows_out = engine.queries().rows_out(record)?;
        let ledgers = engine.queries().ledgers(record)?;
        let sum = |part: fn(&Counts) -> u64| -> Cell {
            ledgers.iter().map(|(_, counts)| part(counts)).sum::<u64>().into()
        };
        Ok(vec![
            record.id.as_str().into(),
            status(session, record).into(),
            names::shown(session.options().dialect, &record.sink).into(),
            shown_sources(session, record).into(),
            sum(|counts| counts.records_in),
            rows_out.into(),
            sum(|counts| counts.filtered),
            sum(|counts| counts.late),
            sum(|counts| counts.rejected),
            record.statement.as_str().into(),
        ])
    });
    rows(QUERIES, cells.collect::<Result<_>>()?)
}

/// All there is to tell about each query.
fn queries_extended(session: &Session) -> Result<Response> {
    let engine = session.engine();
    let catalog = engine.catalog().state();
    let mut cells = Vec::new();
    for record in catalog.queries.values() {
        let mut add = |property: &str, value: String| {
            cells.push(vec![record.id.as_str().into(), property.into(), value.into()]);
        };
        add("status", status(session, record));
        add("statement", record.statement.clone());
        add("fills", names::shown(session.options().dialect, &record.sink));
        add("reads", shown_sources(session, record));
        add("began at", record.start_at.clone());
        add("shards", record.shards.to_string());
        for (name, value) in &record.settings {
            add("setting", format!("{name} = {value}"));
        }
        add("rows out", engine.queries().rows_out(record)?.to_string());
        for (source, counts) in engine.queries().ledgers(record)? {
            let shown = names::shown(session.options().dialect, &source);
            add(&format!("records of {shown}"), counts.to_string());
        }
        // A query that cannot be planned any more tells so by its status.
        if let Ok(plan) = crate::queries::plan_record(record, &catalog, engine.queries().environment()) {
            plan.describe().into_iter().for_each(|line| add("plan", line));
        }
    }
    rows(QUERIES_EXTENDED, cells)
}

fn list_functions(session: &Session) -> Result<Response> {
    let catalog = session.engine().catalog().state();
    let mut listed: Vec<(String, &'static str, String)> = functions::descriptions()
        .map(|function| (function.name, function.category, function.description.to_owned()))
        .chain(
            aggregates::all()
                .iter()
                .map(|function| (function.name.to_owned(), "AGGREGATE", function.description.to_owned())),
        )
        .chain(catalog.functions.values().map(|function| {
            (function.name.clone(), "USER", format!("{}: {}", function.returns, function.body))
        }))
        .collect();
    listed.sort();
    let cells =
        listed.into_iter().map(|(name, category, text)| vec![name.into(), category.into(), text.into()]);
    rows(FUNCTIONS, cells.collect())
}

fn types(session: &Session) -> Result<Response> {
    let catalog = session.engine().catalog().state();
    let cells = catalog
        .types
        .iter()
        .map(|(name, data_type)| Ok(vec![name.as_str().into(), print_type(data_type)?.into()]))
        .collect::<Result<_>>()?;
    rows(TYPES, cells)
}
