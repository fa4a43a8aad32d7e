//! Handing out producer ids that were never handed out before.
//!
//! Ids are taken in blocks: the end of the block is on disk before its first id leaves, so a restart
//! skips the rest of a block and repeats none.

use parking_lot::Mutex;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::ProducerId;
use crate::io::replace_file;
use crate::log::embedded::format::encode_producer_ids;
use crate::log::embedded::shared::Shared;

/// Ids per write to disk, as Kafka's brokers take them.
const BLOCK: i64 = 1000;

/// The ids left of the block in use.
#[derive(Debug)]
pub(super) struct ProducerIds {
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    next: i64,
    end: i64,
}

impl ProducerIds {
    /// Begins with a new block at `next`, the first id that the disk does not say is taken.
    pub(super) fn new(next: i64) -> ProducerIds {
        ProducerIds { block: Mutex::new(Block { next, end: next }) }
    }

    /// Hands out an id.
    pub(super) fn allocate(&self, shared: &Shared) -> Result<ProducerId> {
        shared.check()?;
        let mut block = self.block.lock();
        if block.next == block.end {
            let end = block.end + BLOCK;
            if ProducerId(end).is_engine() {
                return Err(StorageError::new(ErrorKind::Invalid, "all producer ids are handed out"));
            }
            let path = shared.layout.producer_ids_file();
            replace_file(&*shared.disk, &path, &encode_producer_ids(end))
                .map_err(|error| shared.failed("write", &path, &error))?;
            block.end = end;
        }
        let id = ProducerId(block.next);
        block.next += 1;
        Ok(id)
    }
}
