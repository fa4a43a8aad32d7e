//! TERMINATE, PAUSE, RESUME.

use std::sync::Arc;

use tidemill_sql::parser::ast::QueryTarget;
use tidemill_storage::state::WriteBatch;

use crate::catalog::record::QueryRecord;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::response::Response;
use crate::state_keys;
use crate::statements::text_rows::done;

/// Ids of the queries a statement is about.
fn targets(engine: &Engine, target: &QueryTarget) -> Result<Vec<String>> {
    let catalog = engine.catalog().state();
    match target {
        QueryTarget::All => Ok(catalog.queries.keys().cloned().collect()),
        QueryTarget::Id(name) => Ok(vec![catalog.query(name.value.as_str())?.id.clone()]),
    }
}

/// Ends queries for good: their state goes, what they wrote stays. A table that one of them filled is read
/// from its topic from then on, as one that was declared over it.
///
/// # Errors
/// `NotFound`, and those of the disk.
pub async fn terminate(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    while_halted(engine, &ids, || {
        engine.catalog().change(|state, changes| {
            for id in &ids {
                let Some(record) = state.queries.remove(id) else { continue };
                forget_query(&record, changes);
                if let Some(sink) = state.sources.get(&record.sink)
                    && sink.query.as_deref() == Some(id)
                {
                    let mut sink = sink.as_ref().clone();
                    sink.query = None;
                    // From now on anybody may write the table, so that it is what its topic holds.
                    if let Some(number) = sink.stored_rows.take() {
                        changes.delete_range(state_keys::prefix_range(&state_keys::table_rows(number)));
                    }
                    state.sources.insert(record.sink.clone(), Arc::new(sink));
                }
            }
            Ok(())
        })
    })
    .await?;
    engine.queries().forget(&ids);
    Ok(done("TERMINATE", format!("Terminated {}", list(&ids))))
}

/// Takes what is stored for a query, except its decisions, which the log needs for what it wrote, and
/// the rows of its table.
pub fn forget_query(record: &QueryRecord, changes: &mut WriteBatch) {
    changes.delete_range(state_keys::query_state(record.number));
    changes.delete_range(state_keys::input_offsets(record.number));
    changes.delete_range(state_keys::ledgers(record.number));
}

/// Does something while queries stand still behind their last commit, so that none of them writes
/// what it takes away. Where it fails, those that ran go on.
///
/// # Errors
/// Those of `change`.
pub async fn while_halted<T>(
    engine: &Engine,
    ids: &[String],
    change: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let halted = engine.queries().halt(ids).await;
    let result = change();
    if result.is_err() {
        let catalog = engine.catalog().state();
        for record in halted.iter().filter_map(|id| catalog.queries.get(id)) {
            // What stands in the way is told where queries are listed; the statement's own error counts.
            let _ = engine.queries().start_or_pause(record, &catalog);
        }
    }
    result
}

/// Lets queries wait, across restarts too.
///
/// # Errors
/// `NotFound`, and those of the disk.
pub async fn pause(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    set_paused(engine, &ids, true)?;
    engine.queries().pause(&ids).await;
    Ok(done("PAUSE", format!("Paused {}", list(&ids))))
}

/// Lets queries go on where their last commit left them; those that failed try again.
///
/// # Errors
/// `NotFound`, and why a query cannot start; the others start all the same.
pub fn resume(engine: &Engine, target: &QueryTarget) -> Result<Response> {
    let ids = targets(engine, target)?;
    set_paused(engine, &ids, false)?;
    let catalog = engine.catalog().state();
    let standing = ids.iter().filter(|id| !engine.queries().is_running(id));
    let failures: Vec<(&str, Error)> = standing
        .filter_map(|id| catalog.queries.get(id))
        .filter_map(|record| {
            Some((record.id.as_str(), engine.queries().start_or_pause(record, &catalog).err()?))
        })
        .collect();
    let Some((id, first)) = failures.first() else {
        return Ok(done("RESUME", format!("Resumed {}", list(&ids))));
    };
    let error = Error { message: format!("query {id} cannot start: {}", first.message), ..first.clone() };
    if failures.len() == 1 {
        return Err(error);
    }
    let failed: Vec<&str> = failures.iter().map(|(id, _)| *id).collect();
    Err(error.with_detail(format!("these did not start: {}", failed.join(", "))))
}

fn set_paused(engine: &Engine, ids: &[String], paused: bool) -> Result<()> {
    engine.catalog().change(|state, _| {
        for id in ids {
            if let Some(record) = state.queries.get(id)
                && record.paused != paused
            {
                let record = QueryRecord { paused, ..record.as_ref().clone() };
                state.queries.insert(id.clone(), Arc::new(record));
            }
        }
        Ok(())
    })
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() { "no query: none exists".to_owned() } else { ids.join(", ") }
}
