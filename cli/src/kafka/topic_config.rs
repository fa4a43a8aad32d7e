//! A topic's settings in Kafka's words: names, defaults, and how they become the log's settings.
//!
//! Every setting of Kafka 4.0 is known. Some are obeyed by the log; some describe things that are not
//! there (replicas, throttles, tuning of another implementation) and are remembered and reported; and
//! some would change what records mean, so that only the value this server follows is taken.

use std::collections::BTreeMap;

use tidemill_engine::log::TopicSettings;

/// How a value is written (the protocol's `ConfigType`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// Any text.
    Text = 2,
    /// 32 bits.
    Int = 3,
    /// 64 bits.
    Long = 5,
    /// A number with a point.
    Double = 6,
    /// Texts with commas between.
    List = 7,
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Effect {
    /// The log obeys it.
    Obeyed,
    /// It is reported as it was given.
    Remembered,
    /// No other value than the default can be had.
    Fixed,
}

/// One setting.
pub(crate) struct ConfigKey {
    /// Its name.
    pub(crate) name: &'static str,
    /// How its value is written.
    pub(crate) kind: ConfigType,
    /// Its value where none was given.
    pub(crate) default: &'static str,
    /// The broker's setting that would give the default.
    pub(crate) broker_name: &'static str,
    /// What it does, in a sentence.
    pub(crate) documentation: &'static str,
    effect: Effect,
}

const fn key(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    broker_name: &'static str,
    effect: Effect,
    documentation: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, broker_name, documentation, effect }
}

const CLEANUP_POLICY: &str = "cleanup.policy";
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const SEGMENT_BYTES: &str = "segment.bytes";
const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

const FOREVER: &str = "9223372036854775807";

/// Smallest segment: one largest batch should fit many times over.
const SEGMENT_BYTES_MIN: i64 = 1024 * 1024;

use ConfigType::{Boolean, Double, Int, List, Long, Text};
use Effect::{Fixed, Obeyed, Remembered};

/// All settings, by name.
#[rustfmt::skip]
pub(crate) static KEYS: &[ConfigKey] = &[
    key(CLEANUP_POLICY, List, "delete", "log.cleanup.policy", Obeyed, "Old records are dropped (delete), or all but the newest of each key (compact), or both."),
    key("compression.gzip.level", Int, "-1", "compression.gzip.level", Remembered, "Not used: batches are kept as they were sent."),
    key("compression.lz4.level", Int, "9", "compression.lz4.level", Remembered, "Not used: batches are kept as they were sent."),
    key("compression.type", Text, "producer", "compression.type", Remembered, "Not used: batches are kept as they were sent."),
    key("compression.zstd.level", Int, "3", "compression.zstd.level", Remembered, "Not used: batches are kept as they were sent."),
    key("delete.retention.ms", Long, "86400000", "log.cleaner.delete.retention.ms", Remembered, "How long tombstones of a compacted topic stay."),
    key("file.delete.delay.ms", Long, "60000", "log.segment.delete.delay.ms", Remembered, "Not used: dropped segments are deleted at once."),
    key("flush.messages", Long, FOREVER, "log.flush.interval.messages", Remembered, "Not used: a record is on disk before it is acknowledged."),
    key("flush.ms", Long, FOREVER, "log.flush.interval.ms", Remembered, "Not used: a record is on disk before it is acknowledged."),
    key("follower.replication.throttled.replicas", List, "", "follower.replication.throttled.replicas", Remembered, "Not used: there are no followers."),
    key("index.interval.bytes", Int, "4096", "log.index.interval.bytes", Remembered, "Bytes of records between two entries of an index."),
    key("leader.replication.throttled.replicas", List, "", "leader.replication.throttled.replicas", Remembered, "Not used: there are no followers."),
    key("local.retention.bytes", Long, "-2", "log.local.retention.bytes", Remembered, "Not used: all of a topic is local."),
    key("local.retention.ms", Long, "-2", "log.local.retention.ms", Remembered, "Not used: all of a topic is local."),
    key("max.compaction.lag.ms", Long, FOREVER, "log.cleaner.max.compaction.lag.ms", Remembered, "Longest a record stays out of compaction."),
    key(MAX_MESSAGE_BYTES, Int, "1048588", "message.max.bytes", Obeyed, "Largest record batch that is accepted."),
    key("message.timestamp.after.max.ms", Long, FOREVER, "log.message.timestamp.after.max.ms", Fixed, "How far in the future a record's timestamp may be: any."),
    key("message.timestamp.before.max.ms", Long, FOREVER, "log.message.timestamp.before.max.ms", Fixed, "How far in the past a record's timestamp may be: any."),
    key("message.timestamp.type", Text, "CreateTime", "log.message.timestamp.type", Fixed, "A record's timestamp is the producer's."),
    key("min.cleanable.dirty.ratio", Double, "0.5", "log.cleaner.min.cleanable.ratio", Remembered, "Share of uncompacted records at which compaction begins."),
    key("min.compaction.lag.ms", Long, "0", "log.cleaner.min.compaction.lag.ms", Remembered, "Shortest a record stays out of compaction."),
    key("min.insync.replicas", Int, "1", "min.insync.replicas", Fixed, "There is one replica, and it is in sync."),
    key("preallocate", Boolean, "false", "log.preallocate", Remembered, "Not used."),
    key("remote.log.copy.disable", Boolean, "false", "remote.log.copy.disable", Remembered, "Not used: there is no remote storage."),
    key("remote.log.delete.on.disable", Boolean, "false", "remote.log.delete.on.disable", Remembered, "Not used: there is no remote storage."),
    key("remote.storage.enable", Boolean, "false", "remote.storage.enable", Fixed, "There is no remote storage."),
    key(RETENTION_BYTES, Long, "-1", "log.retention.bytes", Obeyed, "Bytes of a partition above which the oldest segments are dropped; -1 for no bound."),
    key(RETENTION_MS, Long, "604800000", "log.retention.ms", Obeyed, "Age at which records are dropped; -1 to keep them for ever."),
    key(SEGMENT_BYTES, Int, "1073741824", "log.segment.bytes", Obeyed, "Bytes at which a segment is closed."),
    key("segment.index.bytes", Int, "10485760", "log.index.size.max.bytes", Remembered, "Not used: an index grows as it must."),
    key("segment.jitter.ms", Long, "0", "log.roll.jitter.ms", Remembered, "Not used."),
    key("segment.ms", Long, "604800000", "log.roll.ms", Remembered, "Not used: a segment is closed by its size."),
    key("unclean.leader.election.enable", Boolean, "false", "unclean.leader.election.enable", Remembered, "Not used: there is one replica."),
];

/// Settings that were given for a topic, by name; all others have their default.
pub(crate) type Overrides = BTreeMap<String, String>;

/// The setting of a name.
pub(crate) fn find(name: &str) -> Option<&'static ConfigKey> {
    KEYS.iter().find(|key| key.name == name)
}

/// The log's settings for what was given; the text of the error is for the client.
pub(crate) fn settings(partitions: u32, overrides: &Overrides) -> Result<TopicSettings, String> {
    let mut settings = TopicSettings { partitions, ..TopicSettings::default() };
    for (name, value) in overrides {
        let key = find(name).ok_or_else(|| format!("unknown topic setting '{name}'"))?;
        check(key, value)?;
        match (name.as_str(), key.effect) {
            (RETENTION_MS, _) => settings.retention_ms = at_least(key, value, -1)?,
            (RETENTION_BYTES, _) => {
                settings.retention_bytes = at_least(key, value, -1)?.map(i64::unsigned_abs);
            }
            (SEGMENT_BYTES, _) => {
                let bytes = at_least(key, value, SEGMENT_BYTES_MIN)?.unwrap_or_default();
                settings.segment_bytes = bytes.unsigned_abs();
            }
            (MAX_MESSAGE_BYTES, _) => {
                let bytes = at_least(key, value, 0)?.unwrap_or_default();
                settings.max_message_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            }
            (_, Remembered) => settings.other.push((name.clone(), value.clone())),
            (_, Obeyed | Fixed) => {}
        }
    }
    if let Some(policy) = overrides.get(CLEANUP_POLICY) {
        let policies: Vec<&str> = items(policy).collect();
        settings.compact = policies.contains(&"compact");
        if settings.compact && policies.contains(&"delete") {
            settings.other.push((CLEANUP_POLICY.to_owned(), policy.clone()));
        } else if settings.compact {
            // Nothing but compaction forgets records; the bounds wait for another policy.
            let waiting = [RETENTION_MS, RETENTION_BYTES].into_iter();
            let waiting = waiting.filter_map(|name| overrides.get_key_value(name));
            settings.other.extend(waiting.map(|(name, value)| (name.clone(), value.clone())));
            settings.retention_ms = None;
            settings.retention_bytes = None;
        }
    }
    Ok(settings)
}

/// What was given for a topic: the reverse of [`settings`]. A value that is the default counts as not
/// given.
pub(crate) fn overrides(settings: &TopicSettings) -> Overrides {
    let mut overrides: Overrides = settings.other.iter().cloned().collect();
    let mut given = |name: &str, value: String| {
        if find(name).is_some_and(|key| key.default != value) {
            overrides.insert(name.to_owned(), value);
        }
    };
    let unbounded = || "-1".to_owned();
    given(SEGMENT_BYTES, settings.segment_bytes.to_string());
    given(MAX_MESSAGE_BYTES, settings.max_message_bytes.to_string());
    let compacts_only = settings.compact && !settings.other.iter().any(|(name, _)| name == CLEANUP_POLICY);
    if compacts_only {
        given(CLEANUP_POLICY, "compact".to_owned());
    } else {
        given(RETENTION_MS, settings.retention_ms.map_or_else(unbounded, |ms| ms.to_string()));
        given(RETENTION_BYTES, settings.retention_bytes.map_or_else(unbounded, |bytes| bytes.to_string()));
    }
    overrides
}

/// A change of one setting (KIP-339).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Gives a value.
    Set,
    /// Goes back to the default.
    Delete,
    /// Adds to a list.
    Append,
    /// Takes away from a list.
    Subtract,
}

impl Change {
    /// From its number on the wire.
    pub(crate) fn from_wire(operation: i8) -> Option<Change> {
        match operation {
            0 => Some(Change::Set),
            1 => Some(Change::Delete),
            2 => Some(Change::Append),
            3 => Some(Change::Subtract),
            _ => None,
        }
    }

    /// Applies it; the text of the error is for the client.
    pub(crate) fn apply(
        self,
        overrides: &mut Overrides,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), String> {
        let key = find(name).ok_or_else(|| format!("unknown topic setting '{name}'"))?;
        if self == Change::Delete {
            overrides.remove(name);
            return Ok(());
        }
        let value = value.ok_or_else(|| format!("'{name}' needs a value"))?;
        if self == Change::Set {
            overrides.insert(name.to_owned(), value.to_owned());
            return Ok(());
        }
        if key.kind != List {
            return Err(format!("'{name}' is not a list: nothing can be added to it or taken away"));
        }
        let current = overrides.get(name).map_or(key.default, String::as_str).to_owned();
        let mut list: Vec<&str> = items(&current).collect();
        for item in items(value) {
            list.retain(|known| *known != item);
            if self == Change::Append {
                list.push(item);
            }
        }
        overrides.insert(name.to_owned(), list.join(","));
        Ok(())
    }
}

fn check(key: &ConfigKey, value: &str) -> Result<(), String> {
    let name = key.name;
    let (legal, kind) = match key.kind {
        Boolean => (matches!(value, "true" | "false"), "true or false"),
        Int => (value.parse::<i32>().is_ok(), "a number of 32 bits"),
        Long => (value.parse::<i64>().is_ok(), "a number of 64 bits"),
        Double => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        Text | List => (true, "text"),
    };
    if !legal {
        return Err(format!("'{value}' is not a value for '{name}': it takes {kind}"));
    }
    if key.effect == Fixed && value != key.default {
        return Err(format!("'{name}' cannot be '{value}' here: it is '{}'", key.default));
    }
    let policies = |value| {
        (1..=2).contains(&items(value).count())
            && items(value).all(|policy| matches!(policy, "delete" | "compact"))
    };
    if name == CLEANUP_POLICY && !policies(value) {
        return Err(format!("'{value}' is not a value for '{name}': it takes delete, compact, or both"));
    }
    Ok(())
}

/// A number that is not too small; `None` for the -1 that means no bound.
fn at_least(key: &ConfigKey, value: &str, min: i64) -> Result<Option<i64>, String> {
    match value.parse::<i64>() {
        Ok(-1) if min == -1 => Ok(None),
        Ok(number) if number >= min => Ok(Some(number)),
        _ => Err(format!("'{value}' is not a value for '{}': it must be at least {min}", key.name)),
    }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
#[path = "topic_config_tests.rs"]
mod tests;
