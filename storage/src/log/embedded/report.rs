//! What a start found and did.

use std::fmt;
use std::path::PathBuf;

use crate::ids::{Offset, TopicPartition};

/// What a start found and did.
#[derive(Clone, Default, Debug)]
pub struct RecoveryReport {
    /// Topics that were opened.
    pub topics: usize,
    /// Partitions that were opened.
    pub partitions: usize,
    /// Bytes behind the checkpoints that were read.
    pub scanned_bytes: u64,
    /// Tails that were cut off. None was ever acknowledged, except where damage came first; then what was
    /// cut off is set aside.
    pub cuts: Vec<Cut>,
    /// Damage that was found; nothing of it was cut off.
    pub damages: Vec<FoundDamage>,
}

/// A tail that was cut off.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Of which partition.
    pub target: TopicPartition,
    /// The file.
    pub path: PathBuf,
    /// Its length now.
    pub position: u64,
    /// The offset that the next record gets.
    pub offset: Offset,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// Why.
    pub reason: CutReason,
    /// Where the bytes are now, if intact batches were among them.
    pub set_aside: Option<PathBuf>,
}

/// Why a tail was cut off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CutReason {
    /// A batch is not intact, as after a power cut; says what is wrong with it.
    Torn(String),
    /// It belongs to an epoch that was never decided.
    Undecided,
}

/// Damage of what was durable once.
#[derive(Clone, Debug)]
pub struct FoundDamage {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl RecoveryReport {
    /// Adds the report of another part.
    pub(super) fn add(&mut self, other: RecoveryReport) {
        self.topics += other.topics;
        self.partitions += other.partitions;
        self.scanned_bytes += other.scanned_bytes;
        self.cuts.extend(other.cuts);
        self.damages.extend(other.damages);
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cut {} bytes off {} at offset {}: ", self.bytes, self.path.display(), self.offset)?;
        match (&self.reason, &self.set_aside) {
            (CutReason::Undecided, _) => f.write_str("an epoch that was never decided"),
            (CutReason::Torn(message), None) => write!(f, "torn and never acknowledged ({message})"),
            (CutReason::Torn(message), Some(path)) => write!(
                f,
                "damaged ({message}), with intact record batches behind it, which may have been acknowledged: \
                 they are kept in {}",
                path.display()
            ),
        }
    }
}

impl fmt::Display for FoundDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged: {}", self.path.display(), self.message)
    }
}
