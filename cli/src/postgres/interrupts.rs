//! What may end a statement before its time: the client's cancel request, the client's disappearance,
//! `statement_timeout`, the server's shutdown.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use futures::poll;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::{Ending, Failure};
use super::sqlstate::SqlState;
use super::wire::Wire;

/// The interrupts of one statement.
pub(super) struct Interrupts {
    cancelled: CancellationToken,
    shutdown: CancellationToken,
    deadline: Option<Instant>,
}

impl Interrupts {
    /// Of a statement that must be done at the deadline, if there is one.
    pub(super) fn new(
        cancelled: CancellationToken,
        shutdown: CancellationToken,
        deadline: Option<Instant>,
    ) -> Interrupts {
        Interrupts { cancelled, shutdown, deadline }
    }

    /// Waits for a future unless an interrupt comes first; then the future is dropped, which ends what it
    /// does. Before it waits, it sends what is ready.
    pub(super) async fn run<T>(&self, wire: &mut Wire, future: impl Future<Output = T>) -> Result<T, Ending> {
        self.check()?;
        let mut future = pin!(future);
        if let Poll::Ready(output) = poll!(future.as_mut()) {
            return Ok(output);
        }
        self.flush(wire).await?;
        tokio::select! {
            biased;
            failure = self.signal() => Err(failure.into()),
            output = future => Ok(output),
            () = wire.peer_gone() => Err(Ending::Gone),
        }
    }

    /// Sends the output unless an interrupt comes first.
    pub(super) async fn flush(&self, wire: &mut Wire) -> Result<(), Ending> {
        tokio::select! {
            biased;
            sent = wire.flush() => Ok(sent?),
            failure = self.signal() => Err(failure.into()),
        }
    }

    /// Fails if an interrupt has come.
    pub(super) fn check(&self) -> Result<(), Ending> {
        if self.cancelled.is_cancelled() {
            Err(cancelled().into())
        } else if self.shutdown.is_cancelled() {
            Err(shut_down().into())
        } else if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            Err(timed_out().into())
        } else {
            Ok(())
        }
    }

    async fn signal(&self) -> Failure {
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancelled.cancelled() => cancelled(),
            () = self.shutdown.cancelled() => shut_down(),
            () = deadline => timed_out(),
        }
    }
}

/// The failure of every connection when the server stops.
pub(super) fn shut_down() -> Failure {
    Failure::fatal(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}

fn cancelled() -> Failure {
    Failure::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}

fn timed_out() -> Failure {
    Failure::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
}
