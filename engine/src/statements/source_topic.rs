//! The topic behind a stream or table: it is there and fits the statement, or is made.

use tidemill_sql::lookup::{Source, SourceKind, WindowKind};
use tidemill_sql::planner::{CleanupPolicy, TopicOptions};
use tidemill_storage::TopicName;
use tidemill_storage::log::{TopicDescription, TopicSettings};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::statements::unfinished_topics;

/// Makes sure of a source's topic and goes on with its number of partitions. Where what follows fails,
/// a topic that was made for it goes again. `partitions` is how many a new one gets; without it the topic
/// must be there.
///
/// # Errors
/// `Invalid` where the topic there is does not fit what the statement says about it, `NotFound`, and
/// those of `then`.
pub fn with_topic<T>(
    engine: &Engine,
    source: &Source,
    wanted: TopicOptions,
    partitions: Option<u32>,
    then: impl FnOnce(u32) -> Result<T>,
) -> Result<T> {
    let name = TopicName::new(&source.topic)?;
    check_replicas(wanted)?;
    if let Some(existing) = engine.topics().get(&name) {
        check_fits(&existing, wanted)?;
        return then(existing.settings.partitions);
    }
    let Some(partitions) = partitions else {
        return Err(Error::new(ErrorKind::NotFound, format!("Kafka topic does not exist: {name}"))
            .with_hint("add PARTITIONS to the WITH clause to create the topic"));
    };
    let settings = settings(source.kind, source.window, wanted, partitions)?;
    let made = engine.topics().create(&name, settings)?;
    let result = unfinished_topics::making(engine, &made).and_then(|()| then(made.settings.partitions));
    if result.is_err() {
        take_back(engine, &made);
    }
    unfinished_topics::finished(engine, &name);
    result
}

/// Removes a topic that was made in vain, unless somebody has written to it already.
fn take_back(engine: &Engine, made: &TopicDescription) {
    if !unfinished_topics::is_empty(engine.topics(), made) {
        return;
    }
    if let Err(error) = engine.topics().delete(&made.name) {
        tracing::warn!(topic = %made.name, %error, "a topic that nothing uses could not be removed");
    }
}

fn check_replicas(wanted: TopicOptions) -> Result<()> {
    match wanted.replicas {
        // Kafka's own default, and what there is.
        None | Some(-1 | 1) => Ok(()),
        Some(replicas) => {
            let message = format!("REPLICAS = {replicas}: this server keeps one copy of a topic");
            Err(Error::new(ErrorKind::Invalid, message).with_hint("leave REPLICAS out"))
        }
    }
}

/// Whether a topic is as the statement says, in all that the statement says.
fn check_fits(existing: &TopicDescription, wanted: TopicOptions) -> Result<()> {
    let there = &existing.settings;
    let differs = |property: &str, there: &str, wanted: &str| {
        let message =
            format!("topic '{}' exists with {property} {there}; the statement says {wanted}", existing.name);
        Err(Error::new(ErrorKind::Invalid, message)
            .with_hint(format!("leave {property} out, or name another KAFKA_TOPIC")))
    };
    if let Some(partitions) = wanted.partitions
        && partitions != there.partitions
    {
        return differs("PARTITIONS", &there.partitions.to_string(), &partitions.to_string());
    }
    if let Some(retention_ms) = wanted.retention_ms
        && Some(retention_ms).filter(|ms| *ms >= 0) != there.retention_ms
    {
        let kept = there.retention_ms.unwrap_or(-1);
        return differs("RETENTION_MS", &kept.to_string(), &retention_ms.to_string());
    }
    let policy = if there.compact { CleanupPolicy::Compact } else { CleanupPolicy::Delete };
    match wanted.cleanup_policy {
        Some(wanted) if wanted != policy => differs("CLEANUP_POLICY", policy.name(), wanted.name()),
        _ => Ok(()),
    }
}

/// Settings of a topic that is made. Where the statement does not say what becomes of old records, a table
/// keeps the newest of every key, since they are its rows; of windows, which come to an end, for a time.
pub(super) fn settings(
    kind: SourceKind,
    window: Option<WindowKind>,
    wanted: TopicOptions,
    partitions: u32,
) -> Result<TopicSettings> {
    let defaults = TopicSettings::default();
    let is_table = kind == SourceKind::Table;
    let compact = wanted.cleanup_policy.map_or(is_table, |policy| policy == CleanupPolicy::Compact);
    let retention_ms = match wanted.retention_ms {
        Some(retention_ms) if retention_ms >= 0 => {
            if wanted.cleanup_policy == Some(CleanupPolicy::Compact) {
                let message = "RETENTION_MS has no effect on a topic with CLEANUP_POLICY = 'compact'";
                return Err(Error::new(ErrorKind::Invalid, message).with_hint("leave one of the two out"));
            }
            Some(retention_ms)
        }
        Some(_) => None,
        None if !compact => defaults.retention_ms,
        None if wanted.cleanup_policy.is_none() && window.is_some() => {
            // What comes late goes into a window for a day after its end, unless it says otherwise.
            let window_ms = match window {
                Some(WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. }) => size_ms,
                _ => 0,
            };
            defaults.retention_ms.map(|kept_ms| kept_ms.saturating_add(window_ms))
        }
        None => None,
    };
    Ok(TopicSettings { partitions, compact, retention_ms, ..defaults })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kind: SourceKind, window: Option<WindowKind>, wanted: TopicOptions) -> (bool, Option<i64>) {
        let settings = settings(kind, window, wanted, 3).expect("can be made");
        assert_eq!(settings.partitions, 3);
        (settings.compact, settings.retention_ms)
    }

    #[test]
    fn the_rows_of_a_table_are_kept_and_those_of_windows_for_a_time() {
        let week_ms = 7 * 24 * 60 * 60 * 1000;
        let plain = TopicOptions::default();
        let tumbling = Some(WindowKind::Tumbling { size_ms: 10 });
        assert_eq!(made(SourceKind::Stream, None, plain), (false, Some(week_ms)));
        assert_eq!(made(SourceKind::Stream, tumbling, plain), (false, Some(week_ms)));
        assert_eq!(made(SourceKind::Table, None, plain), (true, None));
        assert_eq!(made(SourceKind::Table, tumbling, plain), (true, Some(week_ms + 10)));
        let deleted = TopicOptions { cleanup_policy: Some(CleanupPolicy::Delete), ..plain };
        assert_eq!(made(SourceKind::Table, None, deleted), (false, Some(week_ms)));
        let for_a_minute = TopicOptions { retention_ms: Some(60_000), ..plain };
        assert_eq!(made(SourceKind::Table, None, for_a_minute), (true, Some(60_000)));
        let for_ever = TopicOptions { retention_ms: Some(-1), ..plain };
        assert_eq!(made(SourceKind::Stream, None, for_ever), (false, None));
    }
}
