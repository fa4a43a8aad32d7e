//! CREATE STREAM, CREATE TABLE, … AS SELECT, INSERT INTO … SELECT, CREATE TYPE.

use std::sync::Arc;

use tidemill_sql::Position;
use tidemill_sql::analyzer::resolve::resolve_custom_types;
use tidemill_sql::lookup::{Lookup, Source, SourceKind};
use tidemill_sql::parser::ast::{CreateAsSelect, CreateSource, InsertSelect};
use tidemill_sql::parser::identifier::Name;
use tidemill_sql::planner::{self, TopicOptions};
use tidemill_sql::type_system::SqlType;
use tidemill_storage::ProducerId;
use tidemill_storage::state::WriteBatch;

use crate::catalog::record::{QueryRecord, print_type};
use crate::catalog::{CatalogSource, CatalogState};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{PartFormat, RecordPart, Registration};
use crate::physical::PhysicalPlan;
use crate::response::Response;
use crate::runtime::positions::{self, Positions};
use crate::runtime::query::StartAt;
use crate::session::Session;
use crate::state_keys::{prefix_range, table_rows};
use crate::statements::control::while_halted;
use crate::statements::query_loops;
use crate::statements::source_topic::with_topic;
use crate::statements::text_rows::done;
use crate::{names, physical, wall_clock};

/// Declares a stream or table over a topic; makes the topic where the statement says how many
/// partitions it is to have.
///
/// # Errors
/// Everything that is wrong with the statement, and those of the disk.
pub fn create_source(session: &Session, statement: &CreateSource, text: &str) -> Result<Response> {
    let engine = session.engine();
    let word = statement.kind.keyword();
    let tag = format!("CREATE {word}");
    let name = statement.name.value.as_str();
    if let Some(answer) = exists_already(session, name, statement.kind, statement.if_not_exists, &tag) {
        return Ok(answer);
    }
    let planned = planner::plan_create_source(statement, &session.lookup())?;
    let mut source = planned.source;
    let named = |error| at_name(error, &statement.name);
    check_formats(&source).map_err(named)?;
    if let Some(before) = engine.catalog().state().sources.get(name) {
        check_upgrade(&before.source, &source, &statement.name)?;
    }
    let wanted = planned.topic;
    let replaced = with_topic(engine, &source.clone(), wanted, wanted.partitions, |partitions| {
        source.partitions = partitions;
        register_schemas(engine, &source, Registration::FirstOfTopic)?;
        engine.catalog().change(|state, _| {
            let before = state.sources.get(name).cloned();
            check_replaceable(state, name, before.as_ref(), None, statement.or_replace)?;
            let old = before.is_some().then(|| Arc::new(state.clone()));
            let source = Arc::new(source);
            let declared = CatalogSource {
                oid: before.as_ref().map_or_else(|| state.take_oid(), |before| before.oid),
                statement: text.to_owned(),
                query: None,
                stored_rows: None,
                created_ms: wall_clock::now_ms(),
                source: source.clone(),
            };
            state.sources.insert(name.to_owned(), Arc::new(declared));
            if let (Some(before), Some(old)) = (&before, &old) {
                check_readers(engine, old, state, name, None)?;
                register_changed_schemas(engine, &before.source, &source)?;
            }
            Ok(before.is_some())
        })
    })
    .map_err(named)?;
    let verb = if replaced { "replaced" } else { "created" };
    Ok(done(tag, format!("{} {verb}", if word == "STREAM" { "Stream" } else { "Table" })))
}

/// Makes a stream or table of a query's results, and starts the query.
///
/// # Errors
/// Everything that is wrong with the statement, and those of the disk.
pub async fn create_as_select(session: &Session, statement: &CreateAsSelect, text: &str) -> Result<Response> {
    let engine = session.engine();
    let word = statement.kind.keyword();
    let tag = format!("CREATE {word}");
    let name = statement.name.value.as_str();
    if let Some(answer) = exists_already(session, name, statement.kind, statement.if_not_exists, &tag) {
        return Ok(answer);
    }
    let lookup = session.lookup();
    let planned = planner::plan_create_as_select(statement, &lookup)?;
    // A plan that cannot be run must not leave a topic behind.
    let plan = physical::planner::plan(&planned.query, session.aggregate_policy())?;
    let sink = planned.sink;
    let named = |error| at_name(error, &statement.name);
    check_formats(&sink).map_err(named)?;
    let catalog = engine.catalog().state();
    if let Some(before) = catalog.sources.get(name)
        && let Some(query) = before.query.as_ref().and_then(|id| catalog.queries.get(id))
    {
        if planned.query_id.is_some() {
            let message = format!("query {} keeps its id when it is replaced", query.id);
            return Err(Error::new(ErrorKind::Invalid, message).with_hint("leave QUERY_ID out"));
        }
        query_loops::check(session, &catalog, &planned.query.sources, &sink.topic, Some(&query.id))
            .map_err(named)?;
        engine.queries().check_replaceable(query, &catalog, &plan).map_err(named)?;
        return replace_query(session, before, query, sink, planned.topic, text).await.map_err(named);
    }
    if let Some(before) = catalog.sources.get(name) {
        check_upgrade(&before.source, &sink, &statement.name)?;
    }
    query_loops::check(session, &catalog, &planned.query.sources, &sink.topic, None).map_err(named)?;
    let prefix = if sink.kind == SourceKind::Table { "CTAS" } else { "CSAS" };
    let new = NewQuery::new(session, text, &planned.query.sources, &plan, prefix, planned.query_id)?;
    let record = with_topic(engine, &sink.clone(), planned.topic, Some(sink.partitions), |partitions| {
        register_schemas(engine, &sink, Registration::NewestVersion)?;
        engine.catalog().change(|state, changes| {
            let before = state.sources.get(name).cloned();
            check_replaceable(state, name, before.as_ref(), None, statement.or_replace)?;
            let old = before.is_some().then(|| Arc::new(state.clone()));
            let record = new.record(state, changes, name)?;
            let declared = CatalogSource {
                oid: before.as_ref().map_or_else(|| state.take_oid(), |before| before.oid),
                statement: text.to_owned(),
                query: Some(record.id.clone()),
                stored_rows: (sink.kind == SourceKind::Table).then_some(record.number),
                created_ms: wall_clock::now_ms(),
                source: Arc::new(Source { partitions, ..sink }),
            };
            if let Some(number) = before.and_then(|before| before.stored_rows) {
                changes.delete_range(prefix_range(&table_rows(number)));
            }
            state.sources.insert(name.to_owned(), Arc::new(declared));
            if let Some(old) = &old {
                check_readers(engine, old, state, name, None)?;
            }
            Ok(record)
        })
    })?;
    Ok(started(engine, &record, &tag, format!("Created query with ID {}", record.id)))
}

/// Starts a query behind its change of the catalog, and tells how that went: the change stands either way.
fn started(engine: &Engine, record: &QueryRecord, tag: &str, changed: String) -> Response {
    match engine.queries().start_or_pause(record, &engine.catalog().state()) {
        Ok(()) => done(tag, changed),
        Err(error) => done(tag, format!("{changed}; it is paused, because it could not start: {error}")),
    }
}

/// Gives a query another statement: it keeps its id, its state and its place in the input.
async fn replace_query(
    session: &Session,
    before: &Arc<CatalogSource>,
    query: &Arc<QueryRecord>,
    sink: Source,
    wanted: TopicOptions,
    text: &str,
) -> Result<Response> {
    let engine = session.engine();
    let name = before.source.name.as_str();
    planner::check_upgrade(&before.source, &sink)?;
    let own = [query.id.clone()];
    while_halted(engine, &own, || {
        with_topic(engine, &before.source, wanted, None, |partitions| {
            register_schemas(engine, &sink, Registration::NewestVersion)?;
            engine.catalog().change(|state, _| {
                check_replaceable(state, name, Some(before), Some(&query.id), true)?;
                let old = Arc::new(state.clone());
                let record = QueryRecord {
                    statement: text.to_owned(),
                    columns_seen: state.columns_of(&query.sources),
                    every_update: session.every_update(),
                    policy: session.aggregate_policy(),
                    settings: session.planning_settings(),
                    ..query.as_ref().clone()
                };
                let declared = CatalogSource {
                    statement: text.to_owned(),
                    source: Arc::new(Source { partitions, ..sink }),
                    ..before.as_ref().clone()
                };
                state.sources.insert(name.to_owned(), Arc::new(declared));
                state.queries.insert(query.id.clone(), Arc::new(record));
                check_readers(engine, &old, state, name, Some(&query.id))
            })
        })
    })
    .await?;
    let tag = match before.source.kind {
        SourceKind::Stream => "CREATE STREAM",
        SourceKind::Table => "CREATE TABLE",
    };
    let replaced = format!("Replaced query with ID {}", query.id);
    let catalog = engine.catalog().state();
    let Some(record) = catalog.queries.get(&query.id).filter(|record| !record.paused) else {
        return Ok(done(tag, format!("{replaced}; it is paused")));
    };
    Ok(started(engine, record, tag, replaced))
}

/// One more query that fills a stream.
///
/// # Errors
/// Everything that is wrong with the statement, and those of the disk.
pub fn insert_select(session: &Session, statement: &InsertSelect, text: &str) -> Result<Response> {
    let engine = session.engine();
    let planned = planner::plan_insert_select(statement, &session.lookup())?;
    let name = planned.target.name.as_str();
    let plan = physical::planner::plan(&planned.query, session.aggregate_policy())?;
    let sources = &planned.query.sources;
    query_loops::check(session, &engine.catalog().state(), sources, &planned.target.topic, None)
        .map_err(|error| at_name(error, &statement.target))?;
    let new = NewQuery::new(session, text, sources, &plan, "INSERTQUERY", planned.query_id)?;
    let record = engine.catalog().change(|state, changes| {
        state.source(name)?;
        new.record(state, changes, name)
    })?;
    // Clients read the number of rows from the tag of any INSERT: none have been inserted yet.
    Ok(started(engine, &record, "INSERT 0 0", format!("Created query with ID {}", record.id)))
}

/// Declares a type.
///
/// # Errors
/// `AlreadyExists`, a type that does not exist, and those of the disk.
pub fn create_type(
    session: &Session,
    name: &Name,
    data_type: &SqlType,
    if_not_exists: bool,
) -> Result<Response> {
    let resolved = resolve_custom_types(data_type, &session.lookup(), name.span)?;
    let name = &name.value;
    let resolved = resolved.to_arrow()?;
    let created = session.engine().catalog().change(|state, _| {
        if state.types.contains_key(name) {
            if if_not_exists {
                return Ok(false);
            }
            let message = format!(
                "Cannot register custom type '{name}' since it is already registered with type: {}",
                print_type(&state.types[name])?
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message).with_hint("DROP TYPE it first"));
        }
        state.types.insert(name.clone(), resolved);
        Ok(true)
    })?;
    let message =
        if created { format!("Registered custom type '{name}'") } else { format!("Type '{name}' exists") };
    Ok(done("CREATE TYPE", message))
}

/// What a new query's record is made of.
struct NewQuery<'a> {
    session: &'a Session,
    text: &'a str,
    sources: Vec<String>,
    prefix: &'static str,
    given_id: Option<String>,
    start_at: StartAt,
    beginning: Positions,
}

impl<'a> NewQuery<'a> {
    fn new(
        session: &'a Session,
        text: &'a str,
        sources: &[String],
        plan: &PhysicalPlan,
        prefix: &'static str,
        given_id: Option<String>,
    ) -> Result<NewQuery<'a>> {
        let start_at = session.start_at(StartAt::Earliest);
        let beginning = positions::beginning(session.engine().log().as_ref(), plan, start_at)?;
        Ok(NewQuery { session, text, sources: sources.to_vec(), prefix, given_id, start_at, beginning })
    }

    /// Makes the record and puts it into the catalog, with where it begins.
    fn record(
        self,
        state: &mut CatalogState,
        changes: &mut WriteBatch,
        sink: &str,
    ) -> Result<Arc<QueryRecord>> {
        for source in &self.sources {
            state.source(source)?;
        }
        let mut number = state.take_query_number();
        let id = match self.given_id {
            Some(id) if state.queries.contains_key(&id) => {
                let message = format!("query ID '{id}' already exists");
                return Err(Error::new(ErrorKind::AlreadyExists, message).with_hint("give another QUERY_ID"));
            }
            Some(id) => id,
            None => loop {
                let id = match self.prefix {
                    "INSERTQUERY" => format!("INSERTQUERY_{number}"),
                    prefix => format!("{prefix}_{sink}_{number}"),
                };
                if !state.queries.contains_key(&id) {
                    break id;
                }
                // A statement gave this id to its query.
                number = state.take_query_number();
            },
        };
        let producer = ProducerId::ENGINE_FIRST.0 + i64::try_from(number).unwrap_or(0);
        let start_at = match self.start_at {
            StartAt::Earliest => "earliest",
            StartAt::Latest => "latest",
        };
        positions::record(changes, number, self.beginning);
        let record = Arc::new(QueryRecord {
            id,
            number,
            producer,
            statement: self.text.to_owned(),
            sink: sink.to_owned(),
            columns_seen: state.columns_of(&self.sources),
            sources: self.sources,
            paused: false,
            start_at: start_at.to_owned(),
            shards: self.session.engine().queries().defaults().shards,
            every_update: self.session.every_update(),
            policy: self.session.aggregate_policy(),
            join_state_version: physical::JOIN_STATE_VERSION,
            settings: self.session.planning_settings(),
        });
        state.queries.insert(record.id.clone(), record.clone());
        Ok(record)
    }
}

/// The answer where the name is taken and that is no error.
fn exists_already(
    session: &Session,
    name: &str,
    kind: SourceKind,
    if_not_exists: bool,
    tag: &str,
) -> Option<Response> {
    let existing = session.lookup().source(name).filter(|_| if_not_exists)?;
    let word = |kind: SourceKind| kind.keyword().to_lowercase();
    let message = format!(
        "Cannot add {} `{name}`: A {} with the same name already exists.",
        word(kind),
        word(existing.kind)
    );
    Some(done(tag, message))
}

/// Whether a name may be taken over: queries that write the source would go on writing its old shape, but
/// for the one that is replaced with it.
fn check_replaceable(
    state: &CatalogState,
    name: &str,
    before: Option<&Arc<CatalogSource>>,
    replaced: Option<&str>,
    or_replace: bool,
) -> Result<()> {
    let Some(before) = before else { return check_distinct(state, name) };
    if !or_replace {
        return Err(Error::new(ErrorKind::AlreadyExists, format!("'{name}' already exists")));
    }
    let writers: Vec<&str> = state.writers(name).into_iter().filter(|id| Some(*id) != replaced).collect();
    if !writers.is_empty() {
        let message = format!("Cannot replace '{name}': queries [{}] write into it", writers.join(", "));
        return Err(Error::new(ErrorKind::InUse, message).with_hint(
            "replace its query too with CREATE OR REPLACE … AS SELECT, or terminate what writes it first",
        ));
    }
    if before.source.topic == crate::processing_log::TOPIC {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("'{name}' is the server's own and cannot be replaced"),
        ));
    }
    Ok(())
}

/// Whether all queries but the one that is replaced go on as they are with the new shape of a source: those
/// that read it see the columns it had when they were made.
fn check_readers(
    engine: &Engine,
    old: &Arc<CatalogState>,
    new: &CatalogState,
    name: &str,
    replaced: Option<&str>,
) -> Result<()> {
    let mut changed = engine.queries().changed_between(old, &Arc::new(new.clone()));
    changed.retain(|id| Some(id.as_str()) != replaced);
    if changed.is_empty() {
        return Ok(());
    }
    let message =
        format!("Cannot replace '{name}': queries [{}] would do something else", changed.join(", "));
    Err(Error::new(ErrorKind::InUse, message).with_hint("terminate them first"))
}

/// Refuses a name that sessions could not tell from another.
fn check_distinct(state: &CatalogState, name: &str) -> Result<()> {
    match names::look_alike(name, state.sources.keys().map(String::as_str)) {
        None => Ok(()),
        Some(other) => {
            let message = format!("Cannot add `{name}`: only quotes would tell it from `{other}`");
            Err(Error::new(ErrorKind::AlreadyExists, message).with_hint("choose another name"))
        }
    }
}

/// Whether the source of that name can become the other.
fn check_upgrade(before: &Source, after: &Source, name: &Name) -> Result<()> {
    Ok(planner::check_upgrade(before, after).map_err(|error| error.or_at(name.span))?)
}

/// What is wrong with a declaration as a whole stands where it says the name.
fn at_name(error: Error, name: &Name) -> Error {
    let about_declaration =
        matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Unsupported);
    if about_declaration && error.position.is_none() {
        return error.at(Position::from_location(name.span.start));
    }
    error
}

/// Whether the formats can have the columns.
pub(super) fn check_formats(source: &Source) -> Result<()> {
    [RecordPart::Key, RecordPart::Value]
        .into_iter()
        .try_for_each(|part| PartFormat::of(source, part)?.check())
}

/// Registers the schemas of a source's keys and values, where its formats have schemas (blocking).
pub(super) fn register_schemas(engine: &Engine, source: &Source, registration: Registration) -> Result<()> {
    [RecordPart::Key, RecordPart::Value]
        .into_iter()
        .try_for_each(|part| PartFormat::of(source, part)?.register(engine.schemas(), registration))
}

/// Registers the schemas of a declaration that takes the place of another, where the other's are what the
/// topic has (blocking).
pub(super) fn register_changed_schemas(engine: &Engine, before: &Source, after: &Source) -> Result<()> {
    [RecordPart::Key, RecordPart::Value].into_iter().try_for_each(|part| {
        PartFormat::of(after, part)?.register_in_place_of(&PartFormat::of(before, part)?, engine.schemas())
    })
}
