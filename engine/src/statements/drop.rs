//! DROP STREAM, DROP TABLE, DROP TYPE.

use std::sync::Arc;

use tidemill_sql::Position;
use tidemill_sql::lookup::SourceKind;
use tidemill_sql::parser::ast::DropSource;
use tidemill_storage::TopicName;

use crate::catalog::{CatalogSource, CatalogState};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;
use crate::session::Session;
use crate::state_keys;
use crate::statements::control::{forget_query, while_halted};
use crate::statements::text_rows::done;
use crate::statements::unfinished_topics;

/// Drops a stream or table. The query that fills it ends with it; queries that read it, or others
/// that write it, stand in the way.
///
/// # Errors
/// `NotFound`, `InUse`, `Invalid`, and those of the disk.
pub async fn drop_source(session: &Session, statement: &DropSource) -> Result<Response> {
    let engine = session.engine();
    let name = session.resolved(&statement.name).value;
    let name = name.as_str();
    let word = statement.kind.keyword();
    let catalog = engine.catalog().state();
    let Some(found) = catalog.sources.get(name) else {
        let shown = if statement.kind == SourceKind::Table { "Table" } else { "Stream" };
        let message = format!("{shown} {name} does not exist.");
        if statement.if_exists {
            return Ok(done(format!("DROP {word}"), message));
        }
        return Err(Error::new(ErrorKind::NotFound, message)
            .with_suggestion(name, catalog.sources.keys().map(String::as_str))
            .or_hint("SHOW STREAMS and SHOW TABLES list what exists")
            .at(Position::from_location(statement.name.span.start)));
    };
    let is_table = found.source.kind == SourceKind::Table;
    if is_table != (statement.kind == SourceKind::Table) {
        let other = if is_table { "TABLE" } else { "STREAM" };
        let message = format!("Incompatible data source type is {other}, but statement was DROP {word}");
        return Err(Error::new(ErrorKind::Invalid, message).with_hint(format!("use DROP {other} {name}")));
    }
    if found.source.topic == crate::processing_log::TOPIC {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("'{name}' is the server's own and cannot be dropped"),
        ));
    }
    if found.source.read_only && statement.delete_topic {
        let message = format!("Cannot delete topic for read-only source: {name}");
        return Err(Error::new(ErrorKind::Invalid, message)
            .with_hint(format!("DROP {word} {name} alone leaves the topic to whom it belongs")));
    }
    let own = found.query.clone();
    check_unused(&catalog, name, own.as_deref())?;
    let topic = TopicName::new(&found.source.topic)?;
    let own: Vec<String> = own.into_iter().collect();
    while_halted(engine, &own, || {
        engine.catalog().change(|state, changes| {
            if statement.delete_topic {
                check_topic_unshared(state, name, topic.as_str())?;
                if let Some(there) = engine.topics().get(&topic) {
                    unfinished_topics::deleting(&there, changes)?;
                }
            }
            for record in own.iter().filter_map(|id| state.queries.remove(id)) {
                forget_query(&record, changes);
            }
            if let Some(number) = state.sources.remove(name).and_then(|source| source.stored_rows) {
                changes.delete_range(state_keys::prefix_range(&state_keys::table_rows(number)));
            }
            Ok(())
        })
    })
    .await?;
    engine.queries().forget(&own);
    if statement.delete_topic {
        let deleted = engine.topics().get(&topic).map_or(Ok(()), |_| engine.topics().delete(&topic));
        unfinished_topics::finished(engine, &topic);
        deleted?;
    }
    let also = if statement.delete_topic { format!(" with its topic '{topic}'") } else { String::new() };
    Ok(done(format!("DROP {word}"), format!("Source `{name}`{also} was dropped")))
}

/// A topic goes with its source only where no other source needs it.
fn check_topic_unshared(catalog: &CatalogState, name: &str, topic: &str) -> Result<()> {
    let shares = |(other, source): &(&String, &Arc<CatalogSource>)| {
        source.source.topic == topic && other.as_str() != name
    };
    let others: Vec<&str> = catalog.sources.iter().filter(shares).map(|(other, _)| other.as_str()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Refusing to delete topic. Found other data sources ({}) using topic {topic}",
        others.join(", ")
    );
    Err(Error::new(ErrorKind::InUse, message).with_hint("leave DELETE TOPIC out, or drop those first"))
}

/// Nothing but its own query may read or write it.
fn check_unused(catalog: &CatalogState, name: &str, own: Option<&str>) -> Result<()> {
    let readers = catalog.readers(name);
    let writers: Vec<&str> = catalog.writers(name).into_iter().filter(|id| Some(*id) != own).collect();
    if readers.is_empty() && writers.is_empty() {
        return Ok(());
    }
    let filled_by = |id: &str| {
        let sink = catalog.queries.get(id).map(|query| query.sink.as_str())?;
        let source = catalog.sources.get(sink)?;
        (source.query.as_deref() == Some(id)).then(|| sink.to_owned())
    };
    let mut sinks: Vec<String> = readers.iter().filter_map(|id| filled_by(id)).collect();
    let message = if writers.is_empty() && sinks.len() == readers.len() {
        sinks.sort_unstable();
        format!(
            "Cannot drop {name}.\nThe following streams and/or tables read from this source: [{}].\nYou need to \
             drop them before dropping {name}.",
            sinks.join(", ")
        )
    } else {
        format!(
            "Cannot drop {name}.\nThe following queries read from this source: [{}].\nThe following queries \
             write into this source: [{}].\nYou need to terminate them before dropping {name}.",
            readers.join(", "),
            writers.join(", ")
        )
    };
    Err(Error::new(ErrorKind::InUse, message))
}

/// Drops a type. Sources hold what their types stand for, but queries are planned from their statements
/// whenever they start: one that names the type stands in the way.
///
/// # Errors
/// `NotFound`, `InUse`, and those of the disk.
pub fn drop_type(engine: &Engine, name: &str, if_exists: bool) -> Result<Response> {
    let dropped = engine.catalog().change(|state, _| {
        let before = Arc::new(state.clone());
        if state.types.remove(name).is_none() {
            return Ok(false);
        }
        let users = engine.queries().changed_between(&before, &Arc::new(state.clone()));
        if users.is_empty() {
            return Ok(true);
        }
        let message = format!("Cannot drop type '{name}': queries [{}] use it", users.join(", "));
        Err(Error::new(ErrorKind::InUse, message).with_hint("terminate these queries first"))
    })?;
    if !dropped && !if_exists {
        let catalog = engine.catalog().state();
        return Err(Error::new(ErrorKind::NotFound, format!("Type {name} does not exist."))
            .with_suggestion(name, catalog.types.keys().map(String::as_str))
            .or_hint("SHOW TYPES lists what exists"));
    }
    let message =
        if dropped { format!("Dropped type '{name}'") } else { format!("Type '{name}' does not exist") };
    Ok(done("DROP TYPE", message))
}
