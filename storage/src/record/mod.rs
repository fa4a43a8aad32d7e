//! Bytes of record batches (v2), Kafka's unit of appending, storing and fetching.
//!
//! A batch is a 61-byte header ([`header`]) followed by records, which may be compressed as one
//! block ([`compression`]). The log keeps batches as they were sent, so this module reads them where
//! they lie:
//!
//! - [`BatchHeader`] is the header as numbers, [`HeaderBytes`] a copy of it that can be changed;
//! - [`Batches`] walks batches that stand back to back;
//! - [`RecordReader`] gives the records a reader may see: batch by batch, without an allocation per
//!   record;
//! - [`BatchBuilder`] makes batches;
//! - [`validate`] holds what a batch must fulfil before it is appended.
//!
//! The module knows no partition and no file.

mod batches;
mod builder;
pub mod compression;
pub mod control;
pub mod header;
mod reader;
mod records;
pub mod validate;
mod varint;

#[cfg(test)]
mod record_tests;

pub use batches::{Batch, Batches};
pub use builder::{BatchBuilder, BatchProducer};
pub use compression::Codec;
pub use header::{Attributes, BatchHeader, HEADER_BYTES, HeaderBytes};
pub use reader::{AbortedTransaction, ReadBatch, RecordReader};
pub use records::{Header, Headers, Record, Records, RecordsPlace};
