//! A script of everything the log does.
//!
//! A step that was refused by a full disk can be taken again. No step may be skipped.

use tidemill_storage::Result;
use tidemill_storage::log::{Log, TopicSettings, TransactionEnd};

use crate::world::{World, partition};

/// One step of the script.
pub(crate) type Step = fn(&mut World) -> Result<()>;

fn small_segments(partitions: u32) -> TopicSettings {
    TopicSettings {
        partitions,
        segment_bytes: 700,
        retention_ms: Some(3_600_000),
        ..TopicSettings::default()
    }
}

/// An epoch that is staged, decided and published.
fn epoch(world: &mut World, topics: &[(&str, u32, usize)]) -> Result<()> {
    let targets: Vec<_> =
        topics.iter().map(|(topic, number, count)| (partition(topic, *number), *count)).collect();
    let targets: Vec<_> = targets.iter().map(|(target, count)| (target, *count)).collect();
    let epoch = world.stage(&targets)?;
    world.decide(&epoch);
    world.publish(epoch);
    Ok(())
}

/// A transactional producer, distinct from those that the script asks for.
const CLIENT: tidemill_storage::ProducerId = tidemill_storage::ProducerId(900_000);

/// The script.
pub(crate) const STEPS: &[Step] = &[
    |world| world.create_topic("a", small_segments(2)),
    |world| world.create_topic("b", small_segments(1)),
    |world| world.append(&partition("a", 0), 3),
    |world| world.append(&partition("a", 1), 1),
    |world| world.append(&partition("a", 0), 4),
    World::sync,
    |world| world.create_topic("doomed", small_segments(1)),
    |world| world.append(&partition("doomed", 0), 5),
    World::sync,
    |world| {
        let id = world.allocate_producer_id()?;
        world.append_sequenced(&partition("b", 0), id, 0, 2)?;
        world.append_sequenced(&partition("b", 0), id, 2, 1)
    },
    World::sync,
    |world| epoch(world, &[("a", 0, 6), ("b", 0, 4)]),
    |world| world.append(&partition("a", 0), 8),
    |world| world.append(&partition("a", 0), 8),
    |world| world.log().checkpoint(),
    World::sync,
    |world| world.log().checkpoint(),
    |world| {
        let epoch = world.stage(&[(&partition("a", 0), 20), (&partition("a", 1), 6)])?;
        world.abort(epoch)
    },
    |world| world.append(&partition("a", 0), 2),
    |world| world.append(&partition("a", 1), 2),
    World::sync,
    |world| world.append_in_transaction(&partition("a", 1), CLIENT, 0, 2),
    |world| world.append(&partition("a", 1), 1),
    |world| world.append_in_transaction(&partition("a", 1), CLIENT, 2, 1),
    |world| world.log().checkpoint(),
    |world| world.end_transaction(&partition("a", 1), CLIENT, TransactionEnd::Abort),
    World::sync,
    |world| world.append_in_transaction(&partition("a", 1), CLIENT, 3, 2),
    World::sync,
    // A checkpoint while the end of the transaction is written, but not durable.
    |world| world.end_transaction(&partition("a", 1), CLIENT, TransactionEnd::Commit),
    |world| world.log().checkpoint(),
    World::sync,
    // A checkpoint while batches of an idempotent producer are written, but not durable.
    |world| {
        let id = world.allocate_producer_id()?;
        world.append_sequenced(&partition("a", 1), id, 0, 1)?;
        world.sync()?;
        world.append_sequenced(&partition("a", 1), id, 1, 2)?;
        world.append_sequenced(&partition("a", 1), id, 3, 1)
    },
    |world| world.log().checkpoint(),
    World::sync,
    |world| world.alter_topic("b", small_segments(2)),
    |world| world.append(&partition("b", 1), 3),
    World::sync,
    |world| epoch(world, &[("b", 0, 30), ("b", 1, 2), ("a", 0, 5)]),
    |world| world.log().checkpoint(),
    |world| world.trim(&partition("a", 0), 9),
    |world| world.delete_topic("doomed"),
    |world| world.append(&partition("a", 0), 12),
    |world| world.append(&partition("a", 0), 12),
    |world| world.append(&partition("a", 0), 12),
    World::sync,
    |world| {
        world.advance(7200);
        world.append(&partition("b", 0), 3)
    },
    World::sync,
    World::enforce_retention,
    |world| world.append(&partition("a", 1), 3),
    World::sync,
    |world| epoch(world, &[("a", 0, 2), ("a", 1, 2), ("b", 1, 2)]),
    |world| world.create_topic("doomed", small_segments(1)),
    |world| world.append(&partition("doomed", 0), 1),
    |world| world.append_in_transaction(&partition("a", 1), CLIENT, 5, 2),
    World::sync,
    |world| world.log().checkpoint(),
    |world| world.append(&partition("a", 0), 2),
    |world| world.append(&partition("b", 0), 2),
];

/// Runs the script until a step fails.
pub(crate) fn run(world: &mut World) -> Result<()> {
    world.open()?;
    STEPS.iter().try_for_each(|step| step(world))
}
