//! The Postgres door: psql, drivers and BI tools talk to the engine through it.
//!
//! Messages come from the `pgwire` crate; the conversation is our own, because rows of a query that has
//! no end must leave one by one, while cancel requests and vanished clients are watched for. A
//! connection is a task ([`connection`]) over a socket cut into messages ([`wire`], [`frontend`]). It
//! sorts every statement ([`statement`]): those about the connection itself (transactions, cursors,
//! prepared statements, COPY) are handled here, all others by the engine's session. Rows reach the
//! client through one pump ([`pump`]) in all protocols.
//!
//! This door knows no rule of SQL and no table: it translates. What it does not do yet: TLS, passwords,
//! COPY FROM STDIN, LISTEN/NOTIFY.

mod cancel;
mod column_type;
mod connection;
mod copy;
mod cursor;
mod door;
mod encode;
mod execution;
mod extended_query;
mod failure;
mod frontend;
mod interrupts;
mod options;
mod parameters;
mod portal;
mod pump;
mod reported_settings;
mod simple_query;
mod sqlstate;
mod startup;
mod statement;
mod transaction;
mod wire;

pub(crate) use door::PostgresDoor;
pub(crate) use encode::cells;
pub(crate) use options::PostgresOptions;
