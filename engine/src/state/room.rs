//! Where an operator keeps its state.

use bytes::Bytes;

/// The part of the keyed state that belongs to one operator instance: all its keys begin with
/// `prefix`, which is unique to query, operator and shard.
#[derive(Clone, Debug)]
pub struct StateRoom {
    /// First bytes of every key.
    pub prefix: Bytes,
    /// Whether the room was empty when the query started: then a key that is not in memory is known
    /// not to exist, and no look-up is needed.
    pub fresh: bool,
}
