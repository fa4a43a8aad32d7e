//! The topic behind a stream or table: it is there and fits the statement, or is made.

use tidemill_sql::lookup::Source;
use tidemill_sql::planner::{CleanupPolicy, TopicOptions};
use tidemill_storage::TopicName;
use tidemill_storage::log::{TopicDescription, TopicSettings, partitions_of};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};

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
    let made = engine.topics().create(&name, settings(wanted, partitions)?)?;
    let result = then(made.settings.partitions);
    if result.is_err() {
        take_back(engine, &made);
    }
    result
}

/// Removes a topic that was made in vain, unless somebody has written to it already.
fn take_back(engine: &Engine, made: &TopicDescription) {
    let is_empty = |target| engine.topics().offsets(target).is_ok_and(|offsets| offsets.end.0 == 0);
    if !partitions_of(made).iter().all(is_empty) {
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

/// Settings of a topic that is made.
fn settings(wanted: TopicOptions, partitions: u32) -> Result<TopicSettings> {
    let mut settings = TopicSettings { partitions, ..TopicSettings::default() };
    settings.compact = wanted.cleanup_policy == Some(CleanupPolicy::Compact);
    match wanted.retention_ms {
        Some(retention_ms) if settings.compact && retention_ms >= 0 => {
            let message = "RETENTION_MS has no effect on a topic with CLEANUP_POLICY = 'compact'";
            return Err(Error::new(ErrorKind::Invalid, message).with_hint("leave one of the two out"));
        }
        Some(retention_ms) => settings.retention_ms = Some(retention_ms).filter(|ms| *ms >= 0),
        // The newest record of a key stays however old it is.
        None if settings.compact => settings.retention_ms = None,
        None => {}
    }
    Ok(settings)
}
