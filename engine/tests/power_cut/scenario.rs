//! The script: topics, DDL, rows of a table, events, a checkpoint, a query that comes and goes.
//!
//! Every step can be taken again on what an earlier life of the machine has left.

use std::time::{Duration, Instant};

use tidemill_engine::runtime::positions;
use tidemill_storage::log::Isolation;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use crate::machine::{Machine, Outcome, Records, number_of};
use crate::topic;

/// Event time of the first event.
const START_MS: i64 = 1_700_000_000_000;

/// Partitions of every topic.
pub(crate) const PARTITIONS: u32 = 2;

/// Until something that must happen has happened. Generous: a slow machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

const SOURCES: [&str; 2] = [
    "CREATE STREAM IF NOT EXISTS events (id STRING KEY, n BIGINT, k STRING, amount BIGINT) \
     WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')",
    "CREATE TABLE IF NOT EXISTS names (k STRING PRIMARY KEY, name STRING) \
     WITH (KAFKA_TOPIC = 'names', VALUE_FORMAT = 'JSON')",
];

const QUERIES: [&str; 3] = [
    "CREATE STREAM IF NOT EXISTS passed AS SELECT id, n FROM events WHERE amount < 7",
    "CREATE TABLE IF NOT EXISTS totals AS SELECT k, COUNT(*) AS records, SUM(amount) AS total FROM events \
     WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k",
    "CREATE STREAM IF NOT EXISTS named AS SELECT events.k AS k, n, name FROM events \
     JOIN names ON events.k = names.k",
];

/// The query that comes and goes.
const EXTRA: &str = "CREATE STREAM IF NOT EXISTS extra AS SELECT id, n FROM events WHERE amount >= 7";

/// The key of an event, its name in the table, if any.
pub(crate) fn key_of(n: u64) -> String {
    format!("k{}", n % 4)
}

/// The name the table has for a key; one key has none.
pub(crate) fn name_of(key: &str) -> Option<String> {
    (key != "k3").then(|| format!("name of {key}"))
}

pub(crate) fn amount_of(n: u64) -> u64 {
    n % 10
}

pub(crate) fn time_of(n: u64) -> i64 {
    START_MS + n as i64 * 900
}

/// The whole script.
pub(crate) fn run(machine: &mut Machine) -> Outcome<()> {
    machine.open()?;
    declare(machine)?;
    events(machine, 4)?;
    machine.sql(EXTRA)?;
    events(machine, 9)?;
    settle(machine)?;
    keep_house(machine)?;
    events(machine, 7)?;
    events(machine, 1)?;
    drop_extra(machine)?;
    events(machine, 6)?;
    keep_house(machine)?;
    events(machine, 5)?;
    settle(machine)
}

/// A shorter script, for a machine that was cut somewhere.
pub(crate) fn go_on(machine: &mut Machine) -> Outcome<()> {
    declare(machine)?;
    drop_extra(machine)?;
    events(machine, 6)?;
    settle(machine)?;
    keep_house(machine)
}

fn declare(machine: &mut Machine) -> Outcome<()> {
    for topic in ["events", "names", "PASSED", "TOTALS", "NAMED", "EXTRA"] {
        machine.create_topic(topic, PARTITIONS)?;
    }
    for statement in SOURCES.iter().chain(&QUERIES) {
        machine.sql(statement)?;
    }
    // The names are there before the first event is, and the join has them: what it gives then depends on
    // the events alone.
    for partition in 0..PARTITIONS {
        let rows: Records = (0..4)
            .filter(|n| n % u64::from(PARTITIONS) == u64::from(partition))
            .filter_map(|n| {
                let key = key_of(n);
                let name = name_of(&key)?;
                Some((key, format!("{{\"NAME\": \"{name}\"}}"), START_MS))
            })
            .collect();
        machine.produce("names", partition, rows)?;
    }
    settle(machine)
}

/// One batch a partition.
fn events(machine: &mut Machine, count: u64) -> Outcome<()> {
    let first = machine.next_event;
    machine.next_event += count;
    for partition in 0..PARTITIONS {
        let of_partition: Vec<u64> =
            (first..first + count).filter(|n| n % u64::from(PARTITIONS) == u64::from(partition)).collect();
        if of_partition.is_empty() {
            continue;
        }
        let records = of_partition.iter().map(|n| {
            let value = serde_json::json!({ "N": n, "K": key_of(*n), "AMOUNT": amount_of(*n) });
            (format!("id{n}"), value.to_string(), time_of(*n))
        });
        machine.produce("events", partition, records.collect())?;
        machine.acknowledged.extend(of_partition);
    }
    Ok(())
}

fn drop_extra(machine: &mut Machine) -> Outcome<()> {
    machine.sql("DROP STREAM IF EXISTS extra")?;
    if machine.left_behind.is_none() {
        let left = topic::read(machine, "EXTRA", Isolation::ReadUncommitted)?;
        machine.left_behind = Some(topic::numbers(&left, "N"));
    }
    Ok(())
}

fn keep_house(machine: &Machine) -> Outcome<()> {
    machine.engine().keep_house().map_err(|error| error.to_string())
}

/// Waits until the queries have committed all there is, and it is visible.
#[expect(clippy::disallowed_methods, reason = "what is waited for is made of many parts, and has a deadline")]
pub(crate) fn settle(machine: &Machine) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if machine.is_off() {
            return Err("the power is off".to_owned());
        }
        let waiting_for = unsettled(machine)?;
        let Some(reason) = waiting_for else { return Ok(()) };
        assert!(Instant::now() < deadline, "it never happened: {reason}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// What is still to be done, if anything is.
fn unsettled(machine: &Machine) -> Outcome<Option<String>> {
    let topics = machine.engine().topics();
    for (id, running) in machine.queries() {
        if machine.is_off() {
            return Err("the power is off".to_owned());
        }
        assert!(running || machine.is_off(), "query {id} does not run");
        let sources: &[&str] = if id.contains("NAMED") { &["events", "names"] } else { &["events"] };
        for source in sources {
            for partition in (0..PARTITIONS).map(PartitionId) {
                let target = TopicPartition::new(TopicName::new(source).unwrap(), partition);
                let visible = topics.offsets(&target).map_err(|error| error.to_string())?.high_watermark;
                let committed = positions::committed(machine.store(), number_of(&id), &target);
                let committed = committed.map_err(|error| error.to_string())?;
                let committed = committed.map_or(0, |position| position.offset.0);
                if committed != visible.0 {
                    return Ok(Some(format!("{id} has committed {committed} of {visible} in {target}")));
                }
            }
        }
    }
    for sink in ["PASSED", "TOTALS", "NAMED", "EXTRA"] {
        for partition in (0..PARTITIONS).map(PartitionId) {
            let target = TopicPartition::new(TopicName::new(sink).unwrap(), partition);
            let Ok(offsets) = topics.offsets(&target) else { continue };
            if offsets.high_watermark != offsets.end {
                return Ok(Some(format!("the end of {target} is not visible")));
            }
        }
    }
    Ok(None)
}
