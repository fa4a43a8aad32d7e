//! Which entries of a collection are stored in chunks of their own.
//!
//! A collection grows at its end, and now and then loses an entry. It may hold very many, and a commit must
//! not write all of them because one came. So its first entries are stored in chunks, each an entry of the
//! store that is written once; those behind the last chunk are stored with their group, until they fill a
//! chunk as well. A chunk that lost an entry is written again, and one that lost all of them is removed.
//!
//! ```text
//! chunk, and what is stored with the group = varint count, then each entry as bytes
//! ```

use std::ops::Range;

use crate::error::Result;
use crate::state::encoding::{Reader, put_bytes, put_varint};

/// Bytes of entries that fill a chunk. A commit writes half of them again on average, and a chunk beside its
/// entries costs a key of the store.
pub(super) const CHUNK_BYTES: usize = 4 << 10;

/// Takes a chunk by its number: its bytes, or nothing for one that is gone.
pub type StoreChunk<'a> = dyn FnMut(u64, Option<&[u8]>) + 'a;

/// The chunks of a collection. Most collections have none.
#[derive(Default, Debug)]
pub(super) struct Chunks {
    /// In the order of their entries.
    stored: Vec<Chunk>,
    /// Numbers of chunks whose entries are gone, and that the store may still have.
    gone: Vec<u64>,
    /// Numbers are given once, so that those of chunks that are gone are not met again.
    next_number: u64,
    /// Whether a chunk has changed since it was stored.
    changed: bool,
}

#[derive(Debug)]
struct Chunk {
    number: u64,
    /// Index of the first entry behind it.
    end: usize,
    changed: bool,
}

impl Chunks {
    /// How many entries are in chunks: as many first ones.
    pub(super) fn entries(&self) -> usize {
        self.stored.last().map_or(0, |chunk| chunk.end)
    }

    /// Numbers of the chunks in the order of their entries, as runs.
    pub(super) fn runs(&self) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for chunk in &self.stored {
            match runs.last_mut() {
                Some(last) if last.end == chunk.number => last.end += 1,
                _ => runs.push(chunk.number..chunk.number + 1),
            }
        }
        runs
    }

    /// An entry is removed from the collection.
    pub(super) fn removed(&mut self, index: usize) {
        let at = self.stored.partition_point(|chunk| chunk.end <= index);
        let start = at.checked_sub(1).map_or(0, |before| self.stored[before].end);
        let Some(chunk) = self.stored.get_mut(at) else { return };
        chunk.changed = true;
        self.changed = true;
        self.stored[at..].iter_mut().for_each(|chunk| chunk.end -= 1);
        if self.stored[at].end == start {
            self.gone.push(self.stored.remove(at).number);
        }
    }

    /// Gives out what has changed since it was asked last, and fills chunks with entries behind them.
    pub(super) fn store<'v>(
        &mut self,
        entries: usize,
        entry: impl Fn(usize) -> &'v [u8],
        store: &mut StoreChunk<'_>,
    ) {
        self.gone.drain(..).for_each(|number| store(number, None));
        let mut bytes = Vec::new();
        let mut give = |number: u64, range: Range<usize>| {
            bytes.clear();
            put_entries(&mut bytes, range.map(&entry));
            store(number, Some(&bytes));
        };
        if std::mem::take(&mut self.changed) {
            let mut start = 0;
            for chunk in &mut self.stored {
                if std::mem::take(&mut chunk.changed) {
                    give(chunk.number, start..chunk.end);
                }
                start = chunk.end;
            }
        }
        let in_chunks = self.entries();
        let (mut start, mut size) = (in_chunks, 0);
        for index in in_chunks..entries {
            size += entry_bytes(entry(index));
            if size >= CHUNK_BYTES {
                give(self.next_number, start..index + 1);
                self.stored.push(Chunk { number: self.next_number, end: index + 1, changed: false });
                self.next_number += 1;
                (start, size) = (index + 1, 0);
            }
        }
    }

    /// The next chunk of the store has been read; the collection has so many entries with it.
    pub(super) fn taken(&mut self, number: u64, entries: usize) {
        self.stored.push(Chunk { number, end: entries, changed: false });
        self.next_number = self.next_number.max(number.saturating_add(1));
    }

    /// Bytes held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Chunks>()
            + self.stored.capacity() * size_of::<Chunk>()
            + self.gone.capacity() * size_of::<u64>()
    }
}

/// Bytes an entry takes in a chunk, at least.
pub(super) fn entry_bytes(entry: &[u8]) -> usize {
    entry.len() + 1
}

/// Appends entries to a stored value.
pub(super) fn put_entries<'v>(bytes: &mut Vec<u8>, entries: impl ExactSizeIterator<Item = &'v [u8]>) {
    put_varint(bytes, entries.len() as u64);
    entries.for_each(|entry| put_bytes(bytes, entry));
}

/// Reads entries of a stored value.
///
/// # Errors
/// `Corrupt`.
pub(super) fn take_entries(bytes: &mut Reader<'_>, mut take: impl FnMut(&[u8])) -> Result<()> {
    for _ in 0..bytes.count()? {
        take(bytes.bytes()?);
    }
    Ok(())
}
