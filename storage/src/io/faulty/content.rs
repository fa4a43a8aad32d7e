//! The bytes of one file, volatile and durable.

use crate::io::random::SeededRandom;

/// Bytes that a disk writes wholly or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Default, Debug)]
pub(super) struct FileContent {
    pub(super) bytes: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<DataEdit>,
    pub(super) modified_ms: i64,
}

#[derive(Clone, Debug)]
pub(super) enum DataEdit {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl FileContent {
    pub(super) fn edit(&mut self, edit: DataEdit, modified_ms: i64) {
        apply_data(&mut self.bytes, &edit);
        self.pending.push(edit);
        self.modified_ms = modified_ms;
    }

    pub(super) fn sync(&mut self) {
        for edit in self.pending.drain(..) {
            apply_data(&mut self.durable, &edit);
        }
    }

    /// Makes a part of what is pending durable, as a cut in the middle of writing back may.
    pub(super) fn tear(&mut self, random: &SeededRandom) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        match random.below(4) {
            0 => {}
            1 => {
                let whole = random.below(pending.len() as u64) as usize;
                for edit in &pending[..whole] {
                    apply_data(&mut self.durable, edit);
                }
                if let DataEdit::Write(offset, bytes) = &pending[whole] {
                    let sectors = random.below((bytes.len() / SECTOR_BYTES) as u64 + 1) as usize;
                    let torn_end = (offset / SECTOR_BYTES + sectors) * SECTOR_BYTES;
                    let kept = torn_end.saturating_sub(*offset).min(bytes.len());
                    apply_data(&mut self.durable, &DataEdit::Write(*offset, bytes[..kept].to_vec()));
                }
            }
            2 => {
                for edit in &pending {
                    scatter(&mut self.durable, edit, random);
                }
            }
            _ => {
                for edit in &pending {
                    apply_data(&mut self.durable, edit);
                }
            }
        }
    }
}

/// Writes some sectors of an edit; the file gets its full length, with zeros where nothing was
/// written.
fn scatter(into: &mut Vec<u8>, edit: &DataEdit, random: &SeededRandom) {
    let DataEdit::Write(offset, bytes) = edit else {
        apply_data(into, edit);
        return;
    };
    if into.len() < offset + bytes.len() {
        into.resize(offset + bytes.len(), 0);
    }
    let mut at = 0;
    while at < bytes.len() {
        let sector_left = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
        let end = (at + sector_left).min(bytes.len());
        if random.below(2) == 0 {
            into[offset + at..offset + end].copy_from_slice(&bytes[at..end]);
        }
        at = end;
    }
}

fn apply_data(into: &mut Vec<u8>, edit: &DataEdit) {
    match edit {
        DataEdit::Write(offset, bytes) => {
            if into.len() < offset + bytes.len() {
                into.resize(offset + bytes.len(), 0);
            }
            into[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        DataEdit::Truncate(length) => into.resize(*length, 0),
    }
}
