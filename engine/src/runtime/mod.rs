//! Who runs when.
//!
//! A query runs in rounds. In a round the workers of its first stages drain what their partitions
//! have, up to a bound, and pass it down their chain of operators; an exchange routes rows to the
//! shards of the next stage, and so on to the sink. The workers of a stage run in parallel and meet
//! at its end, so what a round gives depends on its input alone and not on timing. When the input is
//! slow a round is one row; when it is behind, tens of thousands.
//!
//! From time to time the rounds since the last commit become durable as one *epoch*: see [`commit`].
//! The commit runs beside the next rounds; a second one waits for it.
//!
//! - [`record_feed`]: the records of a partition in bounded portions;
//! - [`source`], [`gathered`], [`row_decoder`]: from a partition's bytes to change batches; [`windowed_key`] and [`header_columns`]: windows in keys, headers as columns;
//! - [`read_ahead`]: which rows wait so that partitions keep in step; [`dropped_ahead`]: the records
//!   between them that are no rows;
//! - [`exchange`]: rows to shards, and many runs to one order; [`mail`]: what stages send each other;
//! - [`ledger`]: what became of every record;
//! - [`worker`]: one partition's or shard's chain;
//! - [`sink`]: where results go: [`topic_sink`], rows to record batches and table rows ([`row_encoder`]: their
//!   keys and values), or [`session_sink`];
//! - [`session_channel`]: rows on their way to a session;
//! - [`memory_budget`]: what all queries together hold in memory;
//! - [`commit`]: an epoch becomes durable and visible at once;
//! - [`decisions`]: what a start asks about epochs, and for how long;
//! - [`positions`]: how far a query has read;
//! - [`stages`]: the workers of a query, made from what is committed;
//! - [`query`]: the loop of one query with its rounds and commits, and its handle;
//! - [`stable_hash`]: which shard, which partition.

pub mod commit;
pub mod decisions;
pub mod dropped_ahead;
pub mod exchange;
pub mod gathered;
pub mod header_columns;
pub mod ledger;
pub mod mail;
pub mod memory_budget;
pub mod positions;
pub mod query;
pub mod read_ahead;
pub mod record_feed;
pub mod row_decoder;
pub mod row_encoder;
pub mod session_channel;
pub mod session_sink;
pub mod sink;
pub mod source;
pub mod stable_hash;
pub mod stages;
pub mod topic_sink;
pub mod windowed_key;
pub mod worker;
