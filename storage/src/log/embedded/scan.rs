//! Walking over the batches of a segment file, trusting none.
//!
//! A batch counts as intact when its framing, its base offset and its checksum are right. The base
//! offset is outside the checksum, but offsets are dense, so it is known beforehand.

use std::io;

use bytes::Bytes;

use crate::error::Result;
use crate::ids::Offset;
use crate::io::DiskFile;
use crate::record::header::LEADER_EPOCH;
use crate::record::{BatchHeader, HEADER_BYTES};

/// What stands at the place of the walk.
#[derive(Debug)]
pub(super) enum Step {
    /// An intact batch, beginning at the position.
    Batch(u64, BatchHeader),
    /// The end of what was to be walked over.
    End,
    /// Something that is no intact batch.
    Damaged(Damage),
}

/// A place that holds no intact batch.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    /// Where in the file.
    pub(super) position: u64,
    /// The offset that was expected there.
    pub(super) offset: Offset,
    /// What is wrong.
    pub(super) message: String,
}

/// Walks over a part of a segment file.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    file: &'a dyn DiskFile,
    position: u64,
    end: u64,
    expected: Offset,
    chunk_bytes: usize,
    window: Vec<u8>,
    window_position: u64,
    /// Where the last batch lies in the window.
    batch: (usize, usize),
}

impl<'a> Scanner<'a> {
    /// Walks from `position`, where the batch with base offset `expected` begins, to `end`, reading at
    /// least `chunk_bytes` at once.
    pub(super) fn new(
        file: &'a dyn DiskFile,
        position: u64,
        expected: Offset,
        end: u64,
        chunk_bytes: usize,
    ) -> Scanner<'a> {
        Scanner {
            file,
            position,
            end,
            expected,
            chunk_bytes,
            window: Vec::new(),
            window_position: position,
            batch: (0, 0),
        }
    }

    /// Where the walk stands: behind the last intact batch.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The offset behind the last intact batch.
    pub(super) fn expected(&self) -> Offset {
        self.expected
    }

    /// Whether the next step needs no further reading.
    pub(super) fn next_was_read(&self) -> bool {
        let rest = self.window.get(self.in_window()..).unwrap_or_default();
        match BatchHeader::parse(rest) {
            Ok(header) => header.total_bytes() <= rest.len(),
            // Too short to tell, or damaged, which the next step will say.
            Err(_) => rest.len() >= HEADER_BYTES,
        }
    }

    /// Everything walked over since the first batch, where nothing behind it had to be read anew.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let length = self.in_window();
        self.window.truncate(length);
        if self.window.capacity() > 2 * length {
            self.window.shrink_to_fit();
        }
        Bytes::from(self.window)
    }

    /// The bytes of the last batch.
    pub(super) fn batch_bytes(&self) -> &[u8] {
        &self.window[self.batch.0..self.batch.1]
    }

    /// The header of the batch the next step will take, where it makes sense so far. The batch itself is
    /// not looked at.
    pub(super) fn peek(&mut self) -> io::Result<Option<BatchHeader>> {
        if self.end.saturating_sub(self.position) < HEADER_BYTES as u64 || !self.fill(HEADER_BYTES)? {
            return Ok(None);
        }
        Ok(self.header().ok().filter(|header| header.base_offset == self.expected))
    }

    /// Takes the next step. After damage the walk stands still.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        let left = self.end.saturating_sub(self.position);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < HEADER_BYTES as u64 || !self.fill(HEADER_BYTES)? {
            return Ok(self.damaged(format!("{left} bytes are too few for a record batch")));
        }
        let header = match self.header() {
            Ok(header) => header,
            Err(error) => return Ok(self.damaged(error.to_string())),
        };
        if header.base_offset != self.expected || header.leader_epoch != LEADER_EPOCH {
            return Ok(
                self.damaged(format!("the batch there says it begins at offset {}", header.base_offset))
            );
        }
        let total = header.total_bytes();
        if total as u64 > left || !self.fill(total)? {
            return Ok(self.damaged(format!("the batch of {total} bytes is cut off")));
        }
        let start = self.in_window();
        self.batch = (start, start + total);
        if let Err(error) = header.verify_crc(self.batch_bytes()) {
            return Ok(self.damaged(error.to_string()));
        }
        let at = self.position;
        self.position += total as u64;
        self.expected = header.next_offset();
        Ok(Step::Batch(at, header))
    }

    /// Goes on behind damage, at the next intact batch below `offset_max`; answers its base offset.
    pub(super) fn skip_damage(&mut self, offset_max: Offset) -> io::Result<Option<Offset>> {
        let mut candidate = self.position + 1;
        while candidate + HEADER_BYTES as u64 <= self.end {
            self.position = candidate;
            if !self.fill(HEADER_BYTES)? {
                break;
            }
            if let Ok(header) = self.header()
                && header.base_offset >= self.expected
                && header.base_offset < offset_max
                && header.leader_epoch == LEADER_EPOCH
                && header.total_bytes() as u64 <= self.end - candidate
                && self.fill(header.total_bytes())?
            {
                let start = self.in_window();
                if header.verify_crc(&self.window[start..start + header.total_bytes()]).is_ok() {
                    self.expected = header.base_offset;
                    return Ok(Some(header.base_offset));
                }
            }
            candidate += 1;
        }
        self.position = self.end;
        Ok(None)
    }

    fn header(&self) -> Result<BatchHeader> {
        BatchHeader::parse(&self.window[self.in_window()..])
    }

    fn in_window(&self) -> usize {
        (self.position - self.window_position) as usize
    }

    /// Makes the window hold `count` bytes from the position on; `false` where the file ends before.
    fn fill(&mut self, count: usize) -> io::Result<bool> {
        let there = self.position >= self.window_position && self.in_window() + count <= self.window.len();
        if !there {
            self.window.clear();
            self.window_position = self.position;
            let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
            self.file.read_at(self.position, count.max(self.chunk_bytes).min(left), &mut self.window)?;
        }
        Ok(self.in_window() + count <= self.window.len())
    }

    fn damaged(&self, message: String) -> Step {
        Step::Damaged(Damage { position: self.position, offset: self.expected, message })
    }
}
