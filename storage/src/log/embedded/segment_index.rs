//! The sparse index of one segment, by offset and by time.
//!
//! About every [`INTERVAL_BYTES`] a batch gets an entry: its base offset, its position and the largest
//! timestamp of the segment so far. Both offsets and those timestamps only grow, so one list serves
//! both searches. When a segment is closed its last batch gets an entry too, so the list ends with
//! the segment's largest timestamp.
//!
//! An index follows from its segment. Entries carry a checksum; whatever is missing or damaged is made
//! anew by walking over the segment behind the last good entry.

use crate::ids::Offset;
use crate::log::embedded::format::{INDEX_ENTRY_BYTES, IndexEntry, decode_index_entry, encode_index_entry};
use crate::record::BatchHeader;

/// Bytes of log per entry. A look-up walks over about this much; one entry of 20 bytes per 64 KiB is
/// 320 KiB for a segment of 1 GiB.
pub(super) const INTERVAL_BYTES: u64 = 64 << 10;

/// Timestamp that is below every other: of a segment without data.
pub(super) const NO_DATA: i64 = i64::MIN;

/// The index of one segment.
#[derive(Debug)]
pub(super) struct SegmentIndex {
    base: Offset,
    entries: Vec<IndexEntry>,
    /// Number of entries that are on disk.
    persisted: usize,
    state: IndexMark,
}

/// State of an index to which it can be wound back.
#[derive(Clone, Copy, Debug)]
pub(super) struct IndexMark {
    entries: usize,
    max_timestamp: i64,
    last_batch: Option<(Offset, u32)>,
}

impl SegmentIndex {
    /// The index of a segment without batches.
    pub(super) fn empty(base: Offset) -> SegmentIndex {
        SegmentIndex {
            base,
            entries: Vec::new(),
            persisted: 0,
            state: IndexMark { entries: 0, max_timestamp: NO_DATA, last_batch: None },
        }
    }

    /// The good entries of an index file for a segment of `segment_bytes`.
    pub(super) fn decode(base: Offset, bytes: &[u8], segment_bytes: u64) -> SegmentIndex {
        let mut index = SegmentIndex::empty(base);
        for chunk in bytes.chunks_exact(INDEX_ENTRY_BYTES) {
            let Some(entry) = decode_index_entry(chunk, base) else { break };
            let follows = index.entries.last().is_none_or(|last| {
                entry.offset > last.offset
                    && entry.position > last.position
                    && entry.max_timestamp >= last.max_timestamp
            });
            if !follows || u64::from(entry.position) >= segment_bytes {
                break;
            }
            index.entries.push(entry);
        }
        index.persisted = index.entries.len();
        if let Some(last) = index.entries.last() {
            index.state.max_timestamp = last.max_timestamp;
            index.state.last_batch = Some((last.offset, last.position));
        }
        index
    }

    /// Takes note of a batch behind all others.
    pub(super) fn note_batch(&mut self, header: &BatchHeader, position: u64) {
        if !header.attributes.is_control() {
            self.state.max_timestamp = self.state.max_timestamp.max(header.max_timestamp);
        }
        // A segment is below 4 GiB, as its limit is below 2 GiB and a batch is too.
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        self.state.last_batch = Some((header.base_offset, position));
        let due =
            self.entries.last().is_none_or(|last| u64::from(position - last.position) >= INTERVAL_BYTES);
        if due {
            self.push_last();
        }
    }

    /// The segment is closed: its last batch gets an entry.
    pub(super) fn close(&mut self) {
        let indexed = self.entries.last().map(|entry| entry.offset);
        if self.state.last_batch.map(|(offset, _)| offset) != indexed {
            self.push_last();
        }
    }

    /// Largest timestamp of the data, or [`NO_DATA`].
    pub(super) fn max_timestamp(&self) -> i64 {
        self.state.max_timestamp
    }

    /// The entry of the last indexed batch at or below an offset.
    pub(super) fn floor(&self, offset: Offset) -> Option<IndexEntry> {
        let above = self.entries.partition_point(|entry| entry.offset <= offset);
        above.checked_sub(1).map(|index| self.entries[index])
    }

    /// The entry behind an offset.
    pub(super) fn above(&self, offset: Offset) -> Option<IndexEntry> {
        self.entries.get(self.entries.partition_point(|entry| entry.offset <= offset)).copied()
    }

    /// The last entry before the first batch with a timestamp of at least `timestamp_ms`: from there
    /// on the batch is found by walking.
    pub(super) fn before_timestamp(&self, timestamp_ms: i64) -> Option<IndexEntry> {
        let reaching = self.entries.partition_point(|entry| entry.max_timestamp < timestamp_ms);
        reaching.checked_sub(1).map(|index| self.entries[index])
    }

    /// The last entry.
    pub(super) fn last(&self) -> Option<IndexEntry> {
        self.entries.last().copied()
    }

    /// The state now.
    pub(super) fn mark(&self) -> IndexMark {
        IndexMark { entries: self.entries.len(), ..self.state }
    }

    /// Forgets what came after a mark. What is on disk is always below every mark in use.
    pub(super) fn wind_back(&mut self, mark: IndexMark) {
        self.entries.truncate(mark.entries);
        self.persisted = self.persisted.min(self.entries.len());
        self.state = mark;
    }

    /// Bytes for the index file: where they go, and the entries below `offset_max` that are not there
    /// yet.
    pub(super) fn unpersisted(&self, offset_max: Offset) -> (u64, Vec<u8>) {
        let new = &self.entries[self.persisted..];
        let new = &new[..new.partition_point(|entry| entry.offset < offset_max)];
        let bytes = new.iter().flat_map(|entry| encode_index_entry(*entry, self.base)).collect();
        ((self.persisted * INDEX_ENTRY_BYTES) as u64, bytes)
    }

    /// So many bytes of entries are on disk more.
    pub(super) fn note_persisted(&mut self, bytes: usize) {
        self.persisted = (self.persisted + bytes / INDEX_ENTRY_BYTES).min(self.entries.len());
    }

    /// Whether nothing would be lost by forgetting the index.
    pub(super) fn is_persisted(&self) -> bool {
        self.persisted == self.entries.len()
    }

    fn push_last(&mut self) {
        if let Some((offset, position)) = self.state.last_batch {
            self.entries.push(IndexEntry { offset, position, max_timestamp: self.state.max_timestamp });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, Codec};

    fn header(offset: i64, timestamp: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.append(timestamp, None, None, &[]).unwrap();
        let mut header = BatchHeader::parse(&builder.build().unwrap()).unwrap();
        header.base_offset = Offset(offset);
        header
    }

    /// Batches of 32 KiB, so every second one has an entry.
    fn index() -> SegmentIndex {
        let mut index = SegmentIndex::empty(Offset(100));
        for batch in 0..10 {
            index.note_batch(&header(100 + batch, batch * 10), (batch * 32) as u64 * 1024);
        }
        index
    }

    #[test]
    fn offsets_and_times_find_the_entry_before_them() {
        let mut index = index();
        index.close();
        assert_eq!(index.floor(Offset(99)), None);
        assert_eq!(index.floor(Offset(103)).unwrap().offset, Offset(102));
        assert_eq!(index.above(Offset(103)).unwrap().offset, Offset(104));
        assert_eq!(index.last().unwrap().offset, Offset(109), "the last batch, by closing");
        assert_eq!(index.before_timestamp(0), None);
        assert_eq!(index.before_timestamp(30).unwrap().offset, Offset(102));
        assert_eq!(index.max_timestamp(), 90);
    }

    #[test]
    fn only_good_entries_come_back_from_disk() {
        let index = index();
        let (at, mut bytes) = index.unpersisted(Offset(106));
        assert_eq!((at, bytes.len()), (0, 3 * INDEX_ENTRY_BYTES));
        bytes[2 * INDEX_ENTRY_BYTES + 5] ^= 1;
        let read = SegmentIndex::decode(Offset(100), &bytes, 1 << 20);
        assert_eq!(read.last().unwrap().offset, Offset(102));
        assert_eq!(read.max_timestamp(), 20);
        let beyond_the_segment = SegmentIndex::decode(Offset(100), &bytes, 1000);
        assert_eq!(beyond_the_segment.last().unwrap().offset, Offset(100));
    }

    #[test]
    fn winding_back_forgets_what_came_after() {
        let mut index = index();
        let mark = index.mark();
        index.note_batch(&header(110, 1000), 320 * 1024);
        assert_eq!(index.max_timestamp(), 1000);
        index.wind_back(mark);
        assert_eq!(index.max_timestamp(), 90);
        assert_eq!(index.last().unwrap().offset, Offset(108));
    }
}
