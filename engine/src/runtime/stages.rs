//! The workers of a query's stages, made from what is committed.
//!
//! They are made when a query starts, and again when a topic it reads or writes has got partitions: one
//! worker reads one partition, and a sink spreads keys over as many partitions as there are.

use std::collections::BTreeMap;

use tidemill_storage::log::{Log, TopicDescription, partitions_of};
use tidemill_storage::{TopicId, TopicName};

use crate::error::{Error, ErrorKind, Result};
use crate::operators::Input;
use crate::physical::{PhysicalPlan, Recipients, StageInput, StagePlan};
use crate::runtime::positions::{self, Positions, StartAt};
use crate::runtime::query::{Environment, QueryIdentity, QueryOptions};
use crate::runtime::sink::SinkSpec;
use crate::runtime::source::PartitionReader;
use crate::runtime::worker::{Followed, Operators, Worker};
use crate::state::StateRoom;
use crate::state_keys;

/// The form of a topic that workers were made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TopicForm {
    /// Its identity.
    pub id: TopicId,
    /// Its partitions.
    pub partitions: u32,
}

impl TopicForm {
    /// The form a topic has now.
    #[must_use]
    pub fn of(topic: &TopicDescription) -> TopicForm {
        TopicForm { id: topic.id, partitions: topic.settings.partitions }
    }
}

/// The workers of a query.
pub struct Stages {
    /// By stage, and by partition or shard. A worker is taken out while it runs.
    pub workers: Vec<Vec<Option<Worker>>>,
    /// The topics that are read and written.
    pub topics: BTreeMap<TopicName, TopicForm>,
    /// Positions the query begins at that are not stored yet.
    pub fresh: Positions,
}

/// Makes the workers of every stage.
///
/// # Errors
/// A plan that cannot be run, a topic that is gone, state that cannot be read.
pub fn build(
    identity: &QueryIdentity,
    plan: &PhysicalPlan,
    sink: &SinkSpec,
    start_at: StartAt,
    environment: &Environment,
    options: &QueryOptions,
) -> Result<Stages> {
    let (log, store, schemas) = (&environment.log, &environment.store, &environment.schemas);
    let mut stages = Stages { workers: Vec::new(), topics: BTreeMap::new(), fresh: Positions::new() };
    let mut sink_partitions = 0;
    if let Some(name) = sink.topic()? {
        let form = TopicForm::of(&topic(log.as_ref(), &name)?);
        sink_partitions = form.partitions;
        stages.topics.insert(name, form);
    }
    let followed = follow(plan);
    let reader_numbers = plan.reader_numbers();
    for (index, stage) in plan.stages.iter().enumerate() {
        let readers: Vec<Option<PartitionReader>> = match &stage.input {
            StageInput::Scan(scan) => {
                let topic = topic(log.as_ref(), &scan.topic)?;
                stages.topics.insert(scan.topic.clone(), TopicForm::of(&topic));
                let (store, log, fresh) = (store.as_ref(), log.as_ref(), &mut stages.fresh);
                let reader = reader_numbers[index];
                let offsets =
                    positions::restore(store, log, identity.number, &topic, reader, start_at, fresh)?;
                let targets = partitions_of(&topic).into_iter().zip(offsets);
                let reader = |(target, offset)| {
                    PartitionReader::new(environment.log.clone(), schemas, scan, target, offset).map(Some)
                };
                targets.map(reader).collect::<Result<_>>()?
            }
            StageInput::Exchanged(_) => (0..options.shards).map(|_| None).collect(),
        };
        let is_copied =
            plan.stages.iter().filter_map(|from| from.exchange.as_ref()).any(|to| {
                (to.stage, to.input, to.recipients) == (index, Input::Right, Recipients::EveryShard)
            });
        let mut workers = Vec::with_capacity(readers.len());
        for (shard, reader) in readers.into_iter().enumerate() {
            let operators = Operators {
                chain: chain(stage, identity.number, shard, environment)?,
                followed: followed_in(shard, followed[index], is_copied),
                every_update: options.every_update,
            };
            let is_last = index + 1 == plan.stages.len();
            let sink =
                if is_last { Some(sink.writer(log, schemas, plan, sink_partitions, shard)?) } else { None };
            workers.push(Some(Worker::new(reader, operators, sink, store.clone())));
        }
        stages.workers.push(workers);
    }
    Ok(stages)
}

/// The operators of one worker, with what they have stored.
fn chain(
    stage: &StagePlan,
    query: u64,
    shard: usize,
    environment: &Environment,
) -> Result<Vec<Box<dyn crate::operators::Operator>>> {
    let operator = |plan: &crate::physical::OperatorPlan| {
        let prefix = state_keys::operator_state(query, plan.number, shard as u16);
        let snapshot = environment.store.snapshot();
        let fresh = snapshot.scan(state_keys::prefix_range(&prefix)).next().is_none();
        plan.build(StateRoom { prefix, fresh })
    };
    stage.operators.iter().map(operator).collect()
}

/// A topic that a query reads or writes.
///
/// # Errors
/// `NotFound`.
pub fn topic(log: &dyn Log, name: &TopicName) -> Result<TopicDescription> {
    log.topic(name).ok_or_else(|| Error::new(ErrorKind::NotFound, format!("topic '{name}' does not exist")))
}

/// The partitions a topic has now.
///
/// # Errors
/// `NotFound`.
pub fn partition_count(log: &dyn Log, name: &TopicName) -> Result<u32> {
    Ok(topic(log, name)?.settings.partitions)
}

/// Whose records come to a shard: where every shard gets those of the right side, they are records in the
/// first one and copies in the others.
fn followed_in(shard: usize, followed: Followed, is_copied: bool) -> Followed {
    if is_copied && shard > 0 { Followed { right: None, ..followed } } else { followed }
}

/// Whose records come to each stage, and where they are kept.
fn follow(plan: &PhysicalPlan) -> Vec<Followed> {
    let sources = plan.sources();
    let mut followed = vec![Followed::default(); plan.stages.len()];
    for (index, stage) in plan.stages.iter().enumerate() {
        if let StageInput::Scan(scan) = &stage.input {
            followed[index].left = sources.iter().position(|name| *name == scan.source.name);
        }
        followed[index].keeper = stage.operators.iter().position(|operator| operator.kind.makes_results());
        if let Some(to) = &stage.exchange
            && followed[index].keeper.is_none()
        {
            let source = followed[index].left;
            match to.input {
                Input::Left => followed[to.stage].left = source,
                Input::Right => followed[to.stage].right = source,
            }
        }
    }
    followed
}
