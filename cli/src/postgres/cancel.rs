//! Cancelling what another connection runs: the registry between the two.
//!
//! A client cancels through a connection of its own that says the number and the secret the first
//! connection was told at its start.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use pgwire::messages::startup::SecretKey;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Bytes of a secret in protocol 3.0 and since 3.2.
const SHORT_SECRET_BYTES: usize = 4;

/// All open connections, by number.
#[derive(Default)]
pub(super) struct CancelRegistry {
    next_id: AtomicI32,
    connections: Mutex<HashMap<i32, Arc<Connection>>>,
}

struct Connection {
    secret: SecretKey,
    /// The running statement's token; replaced at every statement, so that a late request does not hit
    /// the next one.
    current: Mutex<CancellationToken>,
}

impl CancelRegistry {
    /// Enters a connection. It leaves when the result is dropped.
    pub(super) fn register(self: &Arc<Self>, long_secret: bool) -> Registration {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed).rem_euclid(i32::MAX) + 1;
        let connection = Arc::new(Connection {
            secret: secret(long_secret),
            current: Mutex::new(CancellationToken::new()),
        });
        self.connections.lock().insert(id, connection.clone());
        Registration { registry: self.clone(), id, connection }
    }

    /// Cancels what a connection runs now. Whether there is such a connection is not told: a guess should
    /// learn nothing.
    pub(super) fn cancel(&self, id: i32, secret: &SecretKey) {
        let connection = self.connections.lock().get(&id).cloned();
        if let Some(connection) = connection.filter(|connection| connection.secret.eq_value(secret)) {
            connection.current.lock().cancel();
        }
    }
}

/// A connection's place in the registry.
pub(super) struct Registration {
    registry: Arc<CancelRegistry>,
    id: i32,
    connection: Arc<Connection>,
}

impl Registration {
    /// The connection's number.
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// What a client has to know to cancel.
    pub(super) fn secret(&self) -> SecretKey {
        self.connection.secret.clone()
    }

    /// A token for a statement that begins.
    pub(super) fn begin_statement(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.connection.current.lock() = token.clone();
        token
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.connections.lock().remove(&self.id);
    }
}

fn secret(long: bool) -> SecretKey {
    // Two random identifiers: 244 random bits.
    let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    if long {
        SecretKey::Bytes(Bytes::from(bytes))
    } else {
        let mut short = [0; SHORT_SECRET_BYTES];
        short.copy_from_slice(&bytes[..SHORT_SECRET_BYTES]);
        SecretKey::I32(i32::from_be_bytes(short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_cancels_and_only_the_running_statement() {
        let registry = Arc::new(CancelRegistry::default());
        let registration = registry.register(true);
        let first = registration.begin_statement();
        registry.cancel(registration.id(), &SecretKey::I32(1));
        registry.cancel(registration.id() + 1, &registration.secret());
        assert!(!first.is_cancelled());
        registry.cancel(registration.id(), &registration.secret());
        assert!(first.is_cancelled());
        assert!(!registration.begin_statement().is_cancelled());
    }

    #[test]
    fn a_closed_connection_leaves_the_registry() {
        let registry = Arc::new(CancelRegistry::default());
        drop(registry.register(false));
        assert!(registry.connections.lock().is_empty());
    }
}
