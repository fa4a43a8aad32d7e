//! Changes as they come: a continuous query whose result goes to a session.
//!
//! It is run as any other query, with state of its own in memory and nothing committed. All it holds
//! counts against the memory of the queries of sessions: see [`crate::runtime::memory_budget`]. Between
//! it and the session stands a bounded channel. The query ends when the rows are dropped, or at its
//! LIMIT.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use futures::stream;
use tidemill_storage::state::memory::MemoryStateStore;

use crate::error::Result;
use crate::physical::PhysicalPlan;
use crate::response::{RowStream, Rows};
use crate::runtime::query::{self, Environment, QueryHandle, QueryIdentity, QueryOptions, StartAt};
use crate::runtime::session_channel::{self, SessionReceiver};
use crate::runtime::sink::SinkSpec;

/// Numbers of session queries, for their ids.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Starts a push query.
///
/// # Errors
/// As [`query::start`].
pub fn start(
    plan: &PhysicalPlan,
    shown: SchemaRef,
    start_at: StartAt,
    mut environment: Environment,
    options: QueryOptions,
) -> Result<(Rows, QueryHandle)> {
    environment.store = Arc::new(MemoryStateStore::new());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let identity = QueryIdentity { id: format!("transient_{number}"), number, producer: None };
    let (sender, receiver) = session_channel::channel();
    let sink = SinkSpec::Session { schema: shown.clone() };
    let handle = query::start(identity, plan.clone(), sink, start_at, environment, options, Some(sender))?;
    let stream = rows(receiver, handle.clone());
    Ok((Rows::endless(shown, stream), handle))
}

/// The rows as a stream. Dropping it closes the channel, which ends the query.
fn rows(receiver: SessionReceiver, handle: QueryHandle) -> RowStream {
    let guard = StopOnDrop(handle);
    Box::pin(stream::unfold(Some((receiver, guard)), |state| async move {
        let (mut receiver, guard) = state?;
        match receiver.receive().await {
            Some(batch) => Some((Ok(batch), Some((receiver, guard)))),
            // The loop is over: by its LIMIT, or by an error that the session has to hear of.
            None => guard.0.failure().await.map(|error| (Err(error), None)),
        }
    }))
}

/// Ends the query with its rows.
struct StopOnDrop(QueryHandle);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.request_stop();
    }
}
