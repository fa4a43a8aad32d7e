//! Every key the engine keeps in the state store, in one place.
//!
//! The bytes are the storage crate's: a [`KeyKind`] first, then parts as [`KeyBuilder`] writes them, so
//! that a prefix's range holds just its own entries. What the parts are is said here.

use std::ops::Range;

use bytes::Bytes;
use tidemill_storage::TopicPartition;
use tidemill_storage::state::{KeyBuilder, KeyKind, KeyReader};

pub use tidemill_storage::state::prefix_range;

/// A consumer group's offset for one partition.
#[must_use]
pub fn group_offset(group: &str, target: &TopicPartition) -> Bytes {
    let mut key = KeyBuilder::new(KeyKind::GroupOffset);
    push_partition(key.bytes(group.as_bytes()), target).to_bytes()
}

/// All offsets of a group, or of all groups.
#[must_use]
pub fn group_offsets(group: Option<&str>) -> Range<Bytes> {
    let mut prefix = KeyBuilder::new(KeyKind::GroupOffset);
    if let Some(group) = group {
        prefix.bytes(group.as_bytes());
    }
    prefix.prefix_range()
}

/// Group, topic and partition of a key made by [`group_offset`].
#[must_use]
pub fn parse_group_offset(key: &[u8]) -> Option<(String, String, u32)> {
    let mut key = KeyReader::new(key, KeyKind::GroupOffset).ok()?;
    let (group, topic) = (text(&mut key)?, text(&mut key)?);
    let partition = key.u32().ok()?;
    key.finish().ok()?;
    Some((group, topic, partition))
}

/// What is known of a consumer group beside its offsets.
#[must_use]
pub fn group_activity(group: &str) -> Bytes {
    KeyBuilder::new(KeyKind::GroupActivity).bytes(group.as_bytes()).to_bytes()
}

/// What is known of all consumer groups.
#[must_use]
pub fn group_activities() -> Range<Bytes> {
    KeyBuilder::new(KeyKind::GroupActivity).prefix_range()
}

/// The group in a key made by [`group_activity`].
#[must_use]
pub fn parse_group_activity(key: &[u8]) -> Option<String> {
    parse_name(key, KeyKind::GroupActivity)
}

/// A transactional id.
#[must_use]
pub fn transactional_id(name: &str) -> Bytes {
    KeyBuilder::new(KeyKind::TransactionalId).bytes(name.as_bytes()).to_bytes()
}

/// All transactional ids.
#[must_use]
pub fn transactional_ids() -> Range<Bytes> {
    KeyBuilder::new(KeyKind::TransactionalId).prefix_range()
}

/// The name in a key made by [`transactional_id`].
#[must_use]
pub fn parse_transactional_id(key: &[u8]) -> Option<String> {
    parse_name(key, KeyKind::TransactionalId)
}

/// A catalog record: its class (the catalog's own numbers) and its name.
#[must_use]
pub fn catalog(class: u8, name: &str) -> Bytes {
    KeyBuilder::new(KeyKind::Catalog).u32(class.into()).bytes(name.as_bytes()).to_bytes()
}

/// All catalog records of a class.
#[must_use]
pub fn catalog_class(class: u8) -> Range<Bytes> {
    KeyBuilder::new(KeyKind::Catalog).u32(class.into()).prefix_range()
}

/// Where one operator instance of a query keeps its state: the first bytes of all its keys.
#[must_use]
pub fn operator_state(query: u64, operator: u16, shard: u16) -> Bytes {
    let mut key = KeyBuilder::new(KeyKind::QueryState);
    key.u64(query).u32(operator.into()).u32(shard.into()).to_bytes()
}

/// Everything a query's operators keep.
#[must_use]
pub fn query_state(query: u64) -> Range<Bytes> {
    KeyBuilder::new(KeyKind::QueryState).u64(query).prefix_range()
}

/// First bytes of the rows of a table; the encoded key follows.
#[must_use]
pub fn table_rows(table: u64) -> Bytes {
    KeyBuilder::new(KeyKind::TableRow).u64(table).to_bytes()
}

/// The position of one of a query's readers in an input partition. The number of the first reader is not
/// written: its key is the beginning of the others'.
#[must_use]
pub fn input_offset(query: u64, target: &TopicPartition, reader: u32) -> Bytes {
    let mut key = KeyBuilder::new(KeyKind::InputOffset);
    push_partition(key.u64(query), target);
    if reader > 0 {
        key.u32(reader);
    }
    key.to_bytes()
}

/// All positions of a query.
#[must_use]
pub fn input_offsets(query: u64) -> Range<Bytes> {
    KeyBuilder::new(KeyKind::InputOffset).u64(query).prefix_range()
}

/// The decided end of a query's output in one partition.
#[must_use]
pub fn decision(producer: i64, target: &TopicPartition) -> Bytes {
    push_partition(KeyBuilder::new(KeyKind::EpochDecision).i64(producer), target).to_bytes()
}

/// All decided ends.
#[must_use]
pub fn all_decisions() -> Range<Bytes> {
    KeyBuilder::new(KeyKind::EpochDecision).prefix_range()
}

/// The topic in a key made by [`decision`].
#[must_use]
pub fn topic_of_decision(key: &[u8]) -> Option<String> {
    let mut key = KeyReader::new(key, KeyKind::EpochDecision).ok()?;
    key.i64().ok()?;
    text(&mut key)
}

/// The producer of a key made by [`decision`].
#[must_use]
pub fn parse_decision(key: &[u8]) -> Option<i64> {
    KeyReader::new(key, KeyKind::EpochDecision).ok()?.i64().ok()
}

/// The ledger of a query and one of its sources.
#[must_use]
pub fn ledger(query: u64, source: &str) -> Bytes {
    KeyBuilder::new(KeyKind::Ledger).u64(query).bytes(source.as_bytes()).to_bytes()
}

/// How many rows a query gave; it stands before its ledgers, which have a source in their keys.
#[must_use]
pub fn rows_out(query: u64) -> Bytes {
    KeyBuilder::new(KeyKind::Ledger).u64(query).to_bytes()
}

/// All ledgers of a query, and the number of its rows.
#[must_use]
pub fn ledgers(query: u64) -> Range<Bytes> {
    KeyBuilder::new(KeyKind::Ledger).u64(query).prefix_range()
}

/// What a key of the schema registry holds; the numbers are on disk.
#[derive(Clone, Copy)]
enum RegistryClass {
    Schema = 1,
    SubjectVersion = 2,
    Settings = 3,
    Sequence = 4,
}

fn registry_key(class: RegistryClass) -> KeyBuilder {
    let mut key = KeyBuilder::new(KeyKind::SchemaRegistry);
    key.u32(class as u32);
    key
}

/// A schema by its number.
#[must_use]
pub fn schema(id: i32) -> Bytes {
    registry_key(RegistryClass::Schema).i64(id.into()).to_bytes()
}

/// All schemas, in the order of their numbers.
#[must_use]
pub fn schemas() -> Range<Bytes> {
    registry_key(RegistryClass::Schema).prefix_range()
}

/// The number in a key made by [`schema`].
#[must_use]
pub fn parse_schema(key: &[u8]) -> Option<i32> {
    let mut key = registry_reader(key, RegistryClass::Schema)?;
    i32::try_from(key.i64().ok()?).ok()
}

/// A version of a subject.
#[must_use]
pub fn subject_version(subject: &str, version: i32) -> Bytes {
    registry_key(RegistryClass::SubjectVersion).bytes(subject.as_bytes()).i64(version.into()).to_bytes()
}

/// All versions of all subjects.
#[must_use]
pub fn subject_versions() -> Range<Bytes> {
    registry_key(RegistryClass::SubjectVersion).prefix_range()
}

/// Subject and version of a key made by [`subject_version`].
#[must_use]
pub fn parse_subject_version(key: &[u8]) -> Option<(String, i32)> {
    let mut key = registry_reader(key, RegistryClass::SubjectVersion)?;
    Some((text(&mut key)?, i32::try_from(key.i64().ok()?).ok()?))
}

/// The registry's settings for a subject, or for the whole registry under the empty name.
#[must_use]
pub fn registry_settings(subject: &str) -> Bytes {
    registry_key(RegistryClass::Settings).bytes(subject.as_bytes()).to_bytes()
}

/// The registry's settings for all subjects.
#[must_use]
pub fn all_registry_settings() -> Range<Bytes> {
    registry_key(RegistryClass::Settings).prefix_range()
}

/// The subject of a key made by [`registry_settings`].
#[must_use]
pub fn parse_registry_settings(key: &[u8]) -> Option<String> {
    text(&mut registry_reader(key, RegistryClass::Settings)?)
}

/// The next number of a schema.
#[must_use]
pub fn schema_sequence() -> Bytes {
    registry_key(RegistryClass::Sequence).to_bytes()
}

fn registry_reader(key: &[u8], class: RegistryClass) -> Option<KeyReader<'_>> {
    let mut key = KeyReader::new(key, KeyKind::SchemaRegistry).ok()?;
    (key.u32().ok()? == class as u32).then_some(key)
}

/// The identity of the data directory.
#[must_use]
pub fn cluster_id() -> Bytes {
    KeyBuilder::new(KeyKind::Meta).bytes(b"cluster id").to_bytes()
}

fn push_partition<'k>(key: &'k mut KeyBuilder, target: &TopicPartition) -> &'k mut KeyBuilder {
    key.bytes(target.topic.as_str().as_bytes()).u32(target.partition.0)
}

/// The name that is all of a key.
fn parse_name(key: &[u8], kind: KeyKind) -> Option<String> {
    let mut key = KeyReader::new(key, kind).ok()?;
    let name = text(&mut key)?;
    key.finish().ok()?;
    Some(name)
}

fn text(key: &mut KeyReader<'_>) -> Option<String> {
    String::from_utf8(key.bytes().ok()?.into_owned()).ok()
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
