//! Layout of every key the engine keeps in the state store, in one place.
//!
//! The first byte is the owner; texts inside a key are escaped so that one key is never a prefix of
//! another by accident and ranges of a prefix hold just its own entries.

use std::ops::Range;

use bytes::Bytes;
use tidemill_storage::TopicPartition;

/// First byte of every key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Owner {
    /// Format version of the store itself.
    Meta = 0x01,
    /// Streams, tables, types and queries.
    Catalog = 0x02,
    /// Operators' state: query number, operator, shard, then the operator's own key.
    OperatorState = 0x03,
    /// Rows of tables, by key.
    TableRow = 0x04,
    /// Input positions of queries.
    InputOffset = 0x05,
    /// Decided ends of queries' outputs.
    Decision = 0x06,
    /// Offsets of consumer groups.
    GroupOffset = 0x07,
    /// Transactional ids of producers.
    TransactionalId = 0x08,
    /// Ledgers of queries and sources.
    Ledger = 0x09,
}

/// The range of all keys with a prefix.
#[must_use]
pub fn prefix_range(prefix: &[u8]) -> Range<Bytes> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            break;
        }
        end.pop();
    }
    Bytes::copy_from_slice(prefix)..Bytes::from(end)
}

/// Appends text with its end: `0x00` becomes `0x00 0xFF`, the end is `0x00 0x01`.
fn push_text(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(0xFF);
        }
    }
    key.extend_from_slice(&[0x00, 0x01]);
}

/// Reads what [`push_text`] wrote; gives the text and the rest.
fn take_text(mut key: &[u8]) -> Option<(String, &[u8])> {
    let mut text = Vec::new();
    loop {
        match key {
            [0x00, 0x01, rest @ ..] => return Some((String::from_utf8(text).ok()?, rest)),
            [0x00, 0xFF, rest @ ..] => {
                text.push(0);
                key = rest;
            }
            [0x00, ..] | [] => return None,
            [byte, rest @ ..] => {
                text.push(*byte);
                key = rest;
            }
        }
    }
}

/// A consumer group's offset for one partition.
#[must_use]
pub fn group_offset(group: &str, target: &TopicPartition) -> Bytes {
    let mut key = vec![Owner::GroupOffset as u8];
    push_text(&mut key, group);
    push_text(&mut key, target.topic.as_str());
    key.extend_from_slice(&target.partition.0.to_be_bytes());
    key.into()
}

/// All offsets of a group, or of all groups.
#[must_use]
pub fn group_offsets(group: Option<&str>) -> Range<Bytes> {
    let mut prefix = vec![Owner::GroupOffset as u8];
    if let Some(group) = group {
        push_text(&mut prefix, group);
    }
    prefix_range(&prefix)
}

/// Group, topic and partition of a key made by [`group_offset`].
#[must_use]
pub fn parse_group_offset(key: &[u8]) -> Option<(String, String, u32)> {
    let rest = key.strip_prefix(&[Owner::GroupOffset as u8])?;
    let (group, rest) = take_text(rest)?;
    let (topic, rest) = take_text(rest)?;
    Some((group, topic, u32::from_be_bytes(rest.try_into().ok()?)))
}

/// A transactional id.
#[must_use]
pub fn transactional_id(name: &str) -> Bytes {
    let mut key = vec![Owner::TransactionalId as u8];
    push_text(&mut key, name);
    key.into()
}

/// All transactional ids.
#[must_use]
pub fn transactional_ids() -> Range<Bytes> {
    prefix_range(&[Owner::TransactionalId as u8])
}

/// The name in a key made by [`transactional_id`].
#[must_use]
pub fn parse_transactional_id(key: &[u8]) -> Option<String> {
    let (name, rest) = take_text(key.strip_prefix(&[Owner::TransactionalId as u8])?)?;
    rest.is_empty().then_some(name)
}

/// A catalog record: its class (one byte, the catalog's own) and its name.
#[must_use]
pub fn catalog(class: u8, name: &str) -> Bytes {
    let mut key = vec![Owner::Catalog as u8, class];
    push_text(&mut key, name);
    key.into()
}

/// All catalog records of a class.
#[must_use]
pub fn catalog_class(class: u8) -> Range<Bytes> {
    prefix_range(&[Owner::Catalog as u8, class])
}

/// Where one operator instance of a query keeps its state.
#[must_use]
pub fn operator_state(query: u64, operator: u16, shard: u16) -> Bytes {
    let mut key = vec![Owner::OperatorState as u8];
    key.extend_from_slice(&query.to_be_bytes());
    key.extend_from_slice(&operator.to_be_bytes());
    key.extend_from_slice(&shard.to_be_bytes());
    key.into()
}

/// Everything a query's operators keep.
#[must_use]
pub fn query_state(query: u64) -> Range<Bytes> {
    let mut key = vec![Owner::OperatorState as u8];
    key.extend_from_slice(&query.to_be_bytes());
    prefix_range(&key)
}

/// First bytes of the rows of a table; the encoded key follows.
#[must_use]
pub fn table_rows(table: u64) -> Bytes {
    let mut key = vec![Owner::TableRow as u8];
    key.extend_from_slice(&table.to_be_bytes());
    key.into()
}

/// A query's position in one input partition.
#[must_use]
pub fn input_offset(query: u64, target: &TopicPartition) -> Bytes {
    let mut key = input_offsets_prefix(query);
    push_text(&mut key, target.topic.as_str());
    key.extend_from_slice(&target.partition.0.to_be_bytes());
    key.into()
}

/// All positions of a query.
#[must_use]
pub fn input_offsets(query: u64) -> Range<Bytes> {
    prefix_range(&input_offsets_prefix(query))
}

fn input_offsets_prefix(query: u64) -> Vec<u8> {
    let mut key = vec![Owner::InputOffset as u8];
    key.extend_from_slice(&query.to_be_bytes());
    key
}

/// The decided end of a query's output in one partition.
#[must_use]
pub fn decision(producer: i64, target: &TopicPartition) -> Bytes {
    let mut key = vec![Owner::Decision as u8];
    key.extend_from_slice(&producer.to_be_bytes());
    push_text(&mut key, target.topic.as_str());
    key.extend_from_slice(&target.partition.0.to_be_bytes());
    key.into()
}

/// All decided ends of a query.
#[must_use]
pub fn decisions(producer: i64) -> Range<Bytes> {
    let mut key = vec![Owner::Decision as u8];
    key.extend_from_slice(&producer.to_be_bytes());
    prefix_range(&key)
}

/// A query's ledger.
#[must_use]
pub fn ledger(query: u64) -> Bytes {
    let mut key = vec![Owner::Ledger as u8];
    key.extend_from_slice(&query.to_be_bytes());
    key.into()
}

/// The version of the store's layout.
#[must_use]
pub fn format_version() -> Bytes {
    Bytes::from_static(&[Owner::Meta as u8, b'v'])
}

/// The identity of the data directory.
#[must_use]
pub fn cluster_id() -> Bytes {
    Bytes::from_static(&[Owner::Meta as u8, b'c'])
}

#[cfg(test)]
mod tests {
    use tidemill_storage::{PartitionId, TopicName};

    use super::*;

    #[test]
    fn a_group_offset_key_reads_back_whatever_the_group_is_called() {
        for group in ["g", "", "a\0b", "é-ü", "\0\u{1}"] {
            let topic = TopicName::new("orders.v1").expect("legal");
            let key = group_offset(group, &TopicPartition::new(topic, PartitionId(7)));
            assert_eq!(parse_group_offset(&key), Some((group.to_owned(), "orders.v1".to_owned(), 7)));
            assert!(group_offsets(Some(group)).contains(&key));
        }
    }

    #[test]
    fn the_range_of_one_group_leaves_out_groups_that_begin_alike() {
        let topic = TopicName::new("t").expect("legal");
        let other = group_offset("ab", &TopicPartition::new(topic, PartitionId(0)));
        assert!(!group_offsets(Some("a")).contains(&other));
    }
}
