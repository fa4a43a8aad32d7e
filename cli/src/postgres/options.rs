//! Limits of the Postgres door.

use std::time::Duration;

/// What a door allows.
#[derive(Clone, Debug)]
pub(crate) struct PostgresOptions {
    /// Sessions at the same time. One costs tens of kilobytes while idle; beyond the limit a client is
    /// told so (SQLSTATE 53300).
    pub(crate) connections_max: usize,
    /// Connections that have not said yet who they are. A few suffice, because saying it takes one
    /// round trip; beyond the limit a connection is closed at once.
    pub(crate) startups_max: usize,
    /// How long a connection may take to say who it is.
    pub(crate) startup_deadline: Duration,
    /// The longest message taken. The largest useful ones are statements with long literals.
    pub(crate) message_bytes_max: usize,
    /// Bytes of all long messages together that are being received or handled.
    pub(crate) message_bytes_total_max: usize,
    /// How long a long message may take to come, plus a second for each
    /// [`PostgresOptions::message_bytes_per_second_min`] received: it holds memory that others wait for.
    pub(crate) message_deadline: Duration,
    /// Slowest a client may send a long message.
    pub(crate) message_bytes_per_second_min: usize,
    /// Bytes of the prepared statements and portals of all connections together. Pools keep some
    /// hundreds of statements of a few hundred bytes on each connection.
    pub(crate) kept_bytes_total_max: usize,
    /// How long open connections have to finish when the server stops.
    pub(crate) drain_deadline: Duration,
}

impl Default for PostgresOptions {
    fn default() -> PostgresOptions {
        PostgresOptions {
            connections_max: 1_000,
            startups_max: 256,
            startup_deadline: Duration::from_secs(10),
            message_bytes_max: 16 * 1024 * 1024,
            message_bytes_total_max: 256 * 1024 * 1024,
            message_deadline: Duration::from_secs(30),
            message_bytes_per_second_min: 64 * 1024,
            kept_bytes_total_max: 256 * 1024 * 1024,
            drain_deadline: Duration::from_secs(5),
        }
    }
}
