//! Statements that change what exists or what runs: one after the other, each to its end.
//!
//! Such a statement has steps that belong together: a query ends, the catalog changes, another query
//! begins. Some of them wait, so it must not matter whether the client still does: once its turn has
//! come, the statement is a task of its own that finishes when the client cancels, times out or goes
//! away. The task may block its thread, because it syncs the disk.

use std::future::Future;
use std::sync::Arc;

use tidemill_sql::parser::Parsed;
use tidemill_sql::parser::ast::Statement;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::error::{Error, ErrorKind, Result};
use crate::response::Response;
use crate::session::Session;
use crate::statements::{alter, control, create, drop, function};

/// Whether a statement changes what exists or what runs.
#[must_use]
pub fn is_change(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::CreateSource(_)
            | Statement::CreateAsSelect(_)
            | Statement::InsertSelect(_)
            | Statement::DropSource(_)
            | Statement::CreateType { .. }
            | Statement::DropType { .. }
            | Statement::AlterSource(_)
            | Statement::CreateFunction(_)
            | Statement::DropFunction { .. }
            | Statement::Terminate(_)
            | Statement::Pause(_)
            | Statement::Resume(_)
    )
}

/// Runs such a statement when its turn has come, to its end.
///
/// # Errors
/// Everything that is wrong with it; `Unavailable` when the server stops.
pub async fn execute(session: &Session, parsed: Parsed) -> Result<Response> {
    let session = session.for_change();
    let engine = session.engine().clone();
    engine
        .changes()
        .run(async move {
            let (engine, text) = (session.engine(), parsed.text.as_str());
            match &parsed.statement {
                Statement::CreateSource(create) => create::create_source(&session, create, text),
                Statement::CreateAsSelect(create) => create::create_as_select(&session, create, text).await,
                Statement::InsertSelect(query) => create::insert_select(&session, query, text),
                Statement::DropSource(source) => drop::drop_source(&session, source).await,
                Statement::CreateType { if_not_exists, name, data_type } => {
                    create::create_type(&session, name, data_type, *if_not_exists)
                }
                Statement::DropType { if_exists, name } => {
                    drop::drop_type(engine, name.value.as_str(), *if_exists)
                }
                Statement::AlterSource(statement) => alter::alter_source(&session, statement, text),
                Statement::CreateFunction(create) => function::create_function(&session, create),
                Statement::DropFunction { if_exists, name } => {
                    function::drop_function(engine, name.value.as_str(), *if_exists)
                }
                Statement::Terminate(target) => control::terminate(engine, target).await,
                Statement::Pause(target) => control::pause(engine, target).await,
                Statement::Resume(target) => control::resume(engine, target),
                _ => Err(Error::internal("the statement changes nothing")),
            }
        })
        .await
}

/// Whose turn it is to change things. Cheap to clone.
#[derive(Clone)]
pub struct Changes {
    runtime: Handle,
    turn: Arc<Semaphore>,
}

impl Changes {
    /// Changes that run on a runtime's threads for blocking work.
    #[must_use]
    pub fn new(runtime: Handle) -> Changes {
        Changes { runtime, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Runs a change when its turn has come. Dropped before, it does not happen; dropped later, it
    /// happens all the same.
    ///
    /// # Errors
    /// Those of the change; `Unavailable` when the server stops.
    pub async fn run<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turn.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Error::new(ErrorKind::Unavailable, "the server is shutting down"))?;
        let runtime = self.runtime.clone();
        let task = self.runtime.spawn_blocking(move || {
            let result = runtime.block_on(change);
            drop(turn);
            result
        });
        task.await.map_err(|error| Error::internal(format!("the statement ended early: {error}")))?
    }

    /// Waits for the change in progress and refuses those that would come after it.
    pub async fn close(&self) {
        let last = self.turn.acquire().await;
        self.turn.close();
        drop(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_is_refused_when_the_server_has_stopped() {
        let changes = Changes::new(Handle::current());
        changes.run(async { Ok(()) }).await.unwrap();
        changes.close().await;
        assert_eq!(changes.run(async { Ok(()) }).await.unwrap_err().kind, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn a_change_that_panics_leaves_its_turn_to_the_next() {
        let changes = Changes::new(Handle::current());
        let broken = changes.run::<()>(async { panic!("a bug") }).await;
        assert_eq!(broken.unwrap_err().kind, ErrorKind::Internal);
        changes.run(async { Ok(()) }).await.unwrap();
    }
}
