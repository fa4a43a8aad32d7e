//! The bytes on disk, version by version. Nothing else in the log knows a file's name or layout.
//!
//! ```text
//! <log directory>/
//!   format                     "tidemill log, format 1": refused unless known
//!   LOCK                       held while a process has the log open
//!   producer-ids               framed: the first producer id not handed out yet, u64
//!   pending/                   topics half made or half deleted; emptied at start
//!   topics/<name>/
//!     topic                    framed: name, id and settings as JSON
//!     altering                 empty; there while a change of the topic is not durable
//!     <partition>/
//!       checkpoint             framed: [`Checkpoint`]
//!       <base offset>.log      record batches back to back, as fetch returns them
//!       <base offset>.index    entries of 20 bytes: offset − base u32, position u32,
//!                              largest timestamp so far i64, CRC-32C u32
//! ```
//!
//! Base offsets have 20 digits, so names sort as offsets do. A framed file is `"TIDE"`, its kind (four
//! letters), version u16, payload length u32, CRC-32C of all that and the payload u32, payload. All
//! numbers are big-endian.
//!
//! Example of a `producer-ids` file that says 4000:
//! `54494445 50494453 0001 00000008 ‹crc› 0000000000000fa0`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicId, TopicName};
use crate::log::producer_state::{ProducerSnapshot, SequencedBatch};
use crate::log::transactions::{Aborted, TransactionsSnapshot};
use crate::log::{TopicDescription, TopicSettings};

/// Content of the version file.
pub(super) const VERSION_LINE: &str = "tidemill log, format 1\n";
/// What the version file of any version begins with.
pub(super) const VERSION_PREFIX: &str = "tidemill log, format ";
/// Longest small file that is believed.
pub(super) const SMALL_FILE_BYTES_MAX: usize = 256 << 20;
/// Bytes of an index entry.
pub(super) const INDEX_ENTRY_BYTES: usize = 20;

const FRAME_MAGIC: &[u8; 4] = b"TIDE";
const FRAME_HEADER_BYTES: usize = 18;
const VERSION: u16 = 1;

/// The framed files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Topic,
    Checkpoint,
    ProducerIds,
}

impl Kind {
    fn letters(self) -> &'static [u8; 4] {
        match self {
            Kind::Topic => b"TOPC",
            Kind::Checkpoint => b"CHKP",
            Kind::ProducerIds => b"PIDS",
        }
    }
}

/// Where each file is.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
}

impl Layout {
    pub(super) fn version_file(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    pub(super) fn producer_ids_file(&self) -> PathBuf {
        self.root.join("producer-ids")
    }

    pub(super) fn pending(&self) -> PathBuf {
        self.root.join("pending")
    }

    pub(super) fn pending_topic(&self, id: TopicId) -> PathBuf {
        self.pending().join(id.0.to_string())
    }

    pub(super) fn topics(&self) -> PathBuf {
        self.root.join("topics")
    }

    pub(super) fn topic(&self, name: &TopicName) -> PathBuf {
        self.topics().join(name.as_str())
    }

    /// Whether a directory without a version file may become a log: it holds nothing but what a first
    /// start that was cut short leaves.
    pub(super) fn may_begin_with(name: &str) -> bool {
        matches!(name, "LOCK" | "format.tmp" | "topics" | "pending")
    }
}

pub(super) fn topic_file(topic_directory: &Path) -> PathBuf {
    topic_directory.join("topic")
}

/// Marks a topic whose alteration has not been made durable.
pub(super) fn altering_file(topic_directory: &Path) -> PathBuf {
    topic_directory.join("altering")
}

pub(super) fn partition_directory(topic_directory: &Path, partition: PartitionId) -> PathBuf {
    topic_directory.join(partition.to_string())
}

pub(super) fn checkpoint_file(partition_directory: &Path) -> PathBuf {
    partition_directory.join("checkpoint")
}

pub(super) fn segment_file(partition_directory: &Path, base: Offset) -> PathBuf {
    partition_directory.join(format!("{:020}.log", base.0))
}

pub(super) fn index_file(partition_directory: &Path, base: Offset) -> PathBuf {
    partition_directory.join(format!("{:020}.index", base.0))
}

/// Where bytes of a segment are kept that a start cut off at `position` without knowing that nobody needs
/// them. The log never reads it again; it goes with its partition.
pub(super) fn set_aside_file(segment_file: &Path, position: u64) -> PathBuf {
    segment_file.with_extension(format!("log.cut-at-{position}"))
}

/// The base offset in a segment file's name.
pub(super) fn segment_base(file_name: &str) -> Option<Offset> {
    let digits = file_name.strip_suffix(".log")?;
    if digits.len() != 20 {
        return None;
    }
    digits.parse().ok().filter(|base| *base >= 0).map(Offset)
}

/// The version that a version file names, for the message.
pub(super) fn read_version(content: &[u8]) -> std::result::Result<(), String> {
    if content == VERSION_LINE.as_bytes() {
        return Ok(());
    }
    match std::str::from_utf8(content).ok().and_then(|text| text.strip_prefix(VERSION_PREFIX)) {
        Some(version) => Err(format!("it has format {}, this program knows format 1", version.trim())),
        None => Err("its format file does not name a format of this program".to_owned()),
    }
}

/// An entry of a segment's index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IndexEntry {
    /// Base offset of a batch.
    pub(super) offset: Offset,
    /// Where the batch begins.
    pub(super) position: u32,
    /// Largest timestamp of the segment's data up to this batch, the batch included.
    pub(super) max_timestamp: i64,
}

pub(super) fn encode_index_entry(entry: IndexEntry, base: Offset) -> [u8; INDEX_ENTRY_BYTES] {
    let mut bytes = [0; INDEX_ENTRY_BYTES];
    let delta = u32::try_from(entry.offset.0 - base.0).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&delta.to_be_bytes());
    bytes[4..8].copy_from_slice(&entry.position.to_be_bytes());
    bytes[8..16].copy_from_slice(&entry.max_timestamp.to_be_bytes());
    let crc = index_entry_crc(&bytes[..16], base);
    bytes[16..].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads an entry, unless it is damaged or of another segment.
pub(super) fn decode_index_entry(bytes: &[u8], base: Offset) -> Option<IndexEntry> {
    let mut fields = Fields { rest: bytes };
    let entry = IndexEntry {
        offset: base.plus(i64::from(fields.u32()?)),
        position: fields.u32()?,
        max_timestamp: fields.i64()?,
    };
    (fields.u32()? == index_entry_crc(&bytes[..16], base)).then_some(entry)
}

fn index_entry_crc(entry: &[u8], base: Offset) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&base.0.to_be_bytes()), entry)
}

/// A partition as it was when everything below `recovery` was durable and decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Checkpoint {
    pub(super) topic: TopicId,
    pub(super) partition: PartitionId,
    pub(super) log_start: Offset,
    /// Where a restart begins to scan.
    pub(super) recovery: LogPosition,
    /// The segments that must be there, oldest first; of the last one as many bytes as lie below
    /// `recovery`.
    pub(super) segments: Vec<SegmentExtent>,
    pub(super) producers: Vec<ProducerSnapshot>,
    pub(super) transactions: TransactionsSnapshot,
}

/// An offset and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LogPosition {
    pub(super) offset: Offset,
    /// Base offset of the segment.
    pub(super) segment: Offset,
    /// Byte in the segment's file.
    pub(super) byte: u64,
}

/// A segment and its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SegmentExtent {
    pub(super) base: Offset,
    pub(super) bytes: u64,
}

pub(super) fn encode_checkpoint(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(checkpoint.topic.0.as_bytes());
    out.extend_from_slice(&checkpoint.partition.0.to_be_bytes());
    put_i64(&mut out, checkpoint.log_start.0);
    put_i64(&mut out, checkpoint.recovery.offset.0);
    put_i64(&mut out, checkpoint.recovery.segment.0);
    out.extend_from_slice(&checkpoint.recovery.byte.to_be_bytes());
    put_count(&mut out, checkpoint.segments.len());
    for segment in &checkpoint.segments {
        put_i64(&mut out, segment.base.0);
        out.extend_from_slice(&segment.bytes.to_be_bytes());
    }
    put_count(&mut out, checkpoint.producers.len());
    for producer in &checkpoint.producers {
        put_i64(&mut out, producer.id.0);
        out.extend_from_slice(&producer.epoch.0.to_be_bytes());
        out.extend_from_slice(&producer.next_sequence.to_be_bytes());
        put_count(&mut out, producer.recent.len());
        for batch in &producer.recent {
            out.extend_from_slice(&batch.base_sequence.to_be_bytes());
            out.extend_from_slice(&batch.last_sequence.to_be_bytes());
            put_i64(&mut out, batch.base_offset.0);
            put_i64(&mut out, batch.last_offset.0);
        }
    }
    put_count(&mut out, checkpoint.transactions.open.len());
    for (producer, first_offset) in &checkpoint.transactions.open {
        put_i64(&mut out, producer.0);
        put_i64(&mut out, first_offset.0);
    }
    put_count(&mut out, checkpoint.transactions.aborted.len());
    for aborted in &checkpoint.transactions.aborted {
        put_i64(&mut out, aborted.producer_id.0);
        put_i64(&mut out, aborted.first_offset.0);
        put_i64(&mut out, aborted.marker.0);
    }
    frame(Kind::Checkpoint, &out)
}

pub(super) fn decode_checkpoint(bytes: &[u8]) -> Result<Checkpoint> {
    let mut fields = Fields { rest: unframe(Kind::Checkpoint, bytes)? };
    fields.checkpoint().filter(|_| fields.rest.is_empty()).ok_or_else(too_short)
}

/// Next id to hand out, as the producer id file has it.
pub(super) fn encode_producer_ids(next: i64) -> Vec<u8> {
    frame(Kind::ProducerIds, &next.to_be_bytes())
}

pub(super) fn decode_producer_ids(bytes: &[u8]) -> Result<i64> {
    let mut fields = Fields { rest: unframe(Kind::ProducerIds, bytes)? };
    fields.i64().filter(|next| *next >= 0).ok_or_else(too_short)
}

/// A topic as its file has it. Fields of later versions get defaults here.
#[derive(Serialize, Deserialize)]
struct TopicRecord {
    name: String,
    id: String,
    partitions: u32,
    retention_ms: Option<i64>,
    retention_bytes: Option<u64>,
    segment_bytes: u64,
    max_message_bytes: u32,
    compact: bool,
    other: Vec<(String, String)>,
}

pub(super) fn encode_topic(topic: &TopicDescription) -> Result<Vec<u8>> {
    let settings = &topic.settings;
    let record = TopicRecord {
        name: topic.name.as_str().to_owned(),
        id: topic.id.0.to_string(),
        partitions: settings.partitions,
        retention_ms: settings.retention_ms,
        retention_bytes: settings.retention_bytes,
        segment_bytes: settings.segment_bytes,
        max_message_bytes: settings.max_message_bytes,
        compact: settings.compact,
        other: settings.other.clone(),
    };
    let json = serde_json::to_vec(&record)
        .map_err(|error| StorageError::invalid(format!("the topic's settings cannot be stored: {error}")))?;
    Ok(frame(Kind::Topic, &json))
}

pub(super) fn decode_topic(bytes: &[u8]) -> Result<TopicDescription> {
    let record: TopicRecord = serde_json::from_slice(unframe(Kind::Topic, bytes)?)
        .map_err(|error| damaged(format!("its content is not understood: {error}")))?;
    let id =
        uuid::Uuid::parse_str(&record.id).map_err(|error| damaged(format!("its id is not one: {error}")))?;
    Ok(TopicDescription {
        name: TopicName::new(&record.name)?,
        id: TopicId(id),
        settings: TopicSettings {
            partitions: record.partitions,
            retention_ms: record.retention_ms,
            retention_bytes: record.retention_bytes,
            segment_bytes: record.segment_bytes,
            max_message_bytes: record.max_message_bytes,
            compact: record.compact,
            other: record.other,
        },
    })
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    out.extend_from_slice(FRAME_MAGIC);
    out.extend_from_slice(kind.letters());
    out.extend_from_slice(&VERSION.to_be_bytes());
    put_count(&mut out, payload.len());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out), payload);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn unframe(kind: Kind, bytes: &[u8]) -> Result<&[u8]> {
    let (header, payload) = bytes.split_at_checked(FRAME_HEADER_BYTES).ok_or_else(too_short)?;
    let mut fields = Fields { rest: &header[8..] };
    let (version, length, crc) = match (fields.u16(), fields.u32(), fields.u32()) {
        (Some(version), Some(length), Some(crc)) => (version, length, crc),
        _ => return Err(too_short()),
    };
    if &header[..4] != FRAME_MAGIC || &header[4..8] != kind.letters() {
        return Err(damaged("it is another kind of file"));
    }
    if payload.len() != length as usize
        || crc32c::crc32c_append(crc32c::crc32c(&header[..FRAME_HEADER_BYTES - 4]), payload) != crc
    {
        return Err(damaged("its checksum does not fit its content"));
    }
    if version != VERSION {
        return Err(damaged(format!("it has version {version}, this program knows version {VERSION}")));
    }
    Ok(payload)
}

/// Takes fields off the front of bytes; `None` where they end.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn offset(&mut self) -> Option<Offset> {
        self.i64().map(Offset)
    }

    /// Reads as many items as a count in front says. Memory grows with the bytes that are there, not
    /// with the count.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn checkpoint(&mut self) -> Option<Checkpoint> {
        Some(Checkpoint {
            topic: TopicId(uuid::Uuid::from_bytes(self.take()?)),
            partition: PartitionId(self.u32()?),
            log_start: self.offset()?,
            recovery: LogPosition { offset: self.offset()?, segment: self.offset()?, byte: self.u64()? },
            segments: self.list(|f| Some(SegmentExtent { base: f.offset()?, bytes: f.u64()? }))?,
            producers: self.list(Self::producer)?,
            transactions: TransactionsSnapshot {
                open: self.list(|f| Some((ProducerId(f.i64()?), f.offset()?)))?,
                aborted: self.list(|f| {
                    Some(Aborted {
                        producer_id: ProducerId(f.i64()?),
                        first_offset: f.offset()?,
                        marker: f.offset()?,
                    })
                })?,
            },
        })
    }

    fn producer(&mut self) -> Option<ProducerSnapshot> {
        Some(ProducerSnapshot {
            id: ProducerId(self.i64()?),
            epoch: ProducerEpoch(self.take().map(i16::from_be_bytes)?),
            next_sequence: self.i32()?,
            transaction: None,
            recent: self.list(|f| {
                Some(SequencedBatch {
                    base_sequence: f.i32()?,
                    last_sequence: f.i32()?,
                    base_offset: f.offset()?,
                    last_offset: f.offset()?,
                })
            })?,
        })
    }
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // Every counted list is bounded far below 2³² by what fits into memory and a segment.
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn too_short() -> StorageError {
    damaged("it is cut off")
}

fn damaged(message: impl Into<String>) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            topic: TopicId(uuid::Uuid::from_u128(7)),
            partition: PartitionId(3),
            log_start: Offset(5),
            recovery: LogPosition { offset: Offset(90), segment: Offset(50), byte: 777 },
            segments: vec![SegmentExtent { base: Offset(0), bytes: 1000 }],
            producers: vec![ProducerSnapshot {
                id: ProducerId(1),
                epoch: ProducerEpoch(2),
                next_sequence: 12,
                transaction: None,
                recent: vec![SequencedBatch {
                    base_sequence: 10,
                    last_sequence: 11,
                    base_offset: Offset(60),
                    last_offset: Offset(61),
                }],
            }],
            transactions: TransactionsSnapshot {
                open: vec![(ProducerId(1), Offset(60))],
                aborted: vec![Aborted {
                    producer_id: ProducerId(4),
                    first_offset: Offset(1),
                    marker: Offset(2),
                }],
            },
        }
    }

    #[test]
    fn a_checkpoint_survives_a_round_trip_and_every_flipped_bit_is_noticed() {
        let bytes = encode_checkpoint(&checkpoint());
        assert_eq!(decode_checkpoint(&bytes).unwrap(), checkpoint());
        for index in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[index / 8] ^= 1 << (index % 8);
            assert_eq!(decode_checkpoint(&flipped).unwrap_err().kind(), ErrorKind::Corrupt, "bit {index}");
        }
        for length in 0..bytes.len() {
            assert!(decode_checkpoint(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn the_documented_producer_id_file_is_what_is_written() {
        let bytes = encode_producer_ids(4000);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(hex.starts_with("544944455049445300010000000"), "{hex}");
        assert!(hex.ends_with("0000000000000fa0"), "{hex}");
        assert_eq!(decode_producer_ids(&bytes).unwrap(), 4000);
    }

    #[test]
    fn a_topic_survives_a_round_trip() {
        let topic = TopicDescription {
            name: TopicName::new("orders").unwrap(),
            id: TopicId(uuid::Uuid::from_u128(9)),
            settings: TopicSettings {
                partitions: 4,
                retention_ms: None,
                other: vec![("min.insync.replicas".to_owned(), "1".to_owned())],
                ..TopicSettings::default()
            },
        };
        let read = decode_topic(&encode_topic(&topic).unwrap()).unwrap();
        assert_eq!((read.name, read.id, read.settings), (topic.name, topic.id, topic.settings));
    }

    #[test]
    fn an_index_entry_of_another_segment_is_refused() {
        let entry = IndexEntry { offset: Offset(1005), position: 4096, max_timestamp: 77 };
        let bytes = encode_index_entry(entry, Offset(1000));
        assert_eq!(decode_index_entry(&bytes, Offset(1000)), Some(entry));
        assert_eq!(decode_index_entry(&bytes, Offset(0)), None);
    }

    #[test]
    fn versions_other_than_this_one_are_named() {
        assert!(read_version(VERSION_LINE.as_bytes()).is_ok());
        assert!(read_version(b"tidemill log, format 9\n").unwrap_err().contains("format 9"));
        assert!(read_version(b"something else").is_err());
    }
}
