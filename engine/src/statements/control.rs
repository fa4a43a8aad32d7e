//! TERMINATE, PAUSE, RESUME.

use std::sync::Arc;

use tidemill_sql::parser::ast::QueryTarget;
use tidemill_storage::state::WriteBatch;

use crate::catalog::record::QueryRecord;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;
use crate::state_keys;
use crate::statements::text_rows::done;

/// Ids of the queries a statement is about.
fn targets(engine: &Engine, target: &QueryTarget) -> Result<Vec<String>> {
    let catalog = engine.catalog().state();
    match target {
        QueryTarget::All => Ok(catalog.queries.keys().cloned().collect()),
        QueryTarget::Id(name) => {
            // Ids are upper-case except where the sink's name was quoted; either spelling is taken.
            let wanted = name.value.as_str();
            let found = catalog.queries.keys().find(|id| id.eq_ignore_ascii_case(wanted));
            match found {
                Some(id) => Ok(vec![id.clone()]),
                None => Err(Error::new(ErrorKind::NotFound, format!("there is no query '{wanted}'"))
                    .with_hint("SHOW QUERIES lists what runs")),
            }
        }
    }
}

/// Ends queries for good: their state goes, what they wrote stays.
///
/// # Errors
/// `NotFound`, and those of the disk.
pub async fn terminate(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    for id in &ids {
        engine.queries().remove(id).await;
        engine.catalog().change(|state, changes| {
            if let Some(record) = state.queries.remove(id) {
                forget_query(&record, changes);
                if let Some(sink) = state.sources.get(&record.sink)
                    && sink.query.as_deref() == Some(id)
                {
                    let mut sink = sink.as_ref().clone();
                    sink.query = None;
                    state.sources.insert(record.sink.clone(), Arc::new(sink));
                }
            }
            Ok(())
        })?;
    }
    Ok(done("TERMINATE", format!("Terminated {}", list(&ids))))
}

/// Takes what is stored for a query, except its decisions, which the log needs for what it wrote, and
/// the rows of its table.
pub fn forget_query(record: &QueryRecord, changes: &mut WriteBatch) {
    changes.delete_range(state_keys::query_state(record.number));
    changes.delete_range(state_keys::input_offsets(record.number));
    changes.delete_range(state_keys::ledgers(record.number));
}

/// Lets queries wait, across restarts too.
///
/// # Errors
/// `NotFound`, and those of the disk.
pub async fn pause(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    for id in &ids {
        set_paused(engine, id, true)?;
        engine.queries().pause(id).await;
    }
    Ok(done("PAUSE", format!("Paused {}", list(&ids))))
}

/// Lets queries go on where their last commit left them; those that failed try again.
///
/// # Errors
/// `NotFound`, and why a query cannot start.
pub async fn resume(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    for id in &ids {
        set_paused(engine, id, false)?;
        engine.queries().pause(id).await;
        let catalog = engine.catalog().state();
        if let Some(record) = catalog.queries.get(id) {
            engine.queries().start(record, &catalog)?;
        }
    }
    Ok(done("RESUME", format!("Resumed {}", list(&ids))))
}

fn set_paused(engine: &Engine, id: &str, paused: bool) -> Result<()> {
    engine.catalog().change(|state, _| {
        if let Some(record) = state.queries.get(id) {
            let record = QueryRecord { paused, ..record.as_ref().clone() };
            state.queries.insert(id.to_owned(), Arc::new(record));
        }
        Ok(())
    })
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() { "no query: none exists".to_owned() } else { ids.join(", ") }
}
