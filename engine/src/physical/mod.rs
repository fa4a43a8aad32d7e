//! The physical plan: a logical plan cut into stages.
//!
//! A stage is a chain of operators that needs no exchange of rows between workers. The first stages
//! read partitions of topics, later ones read what an exchange routed to their shards by key. Every
//! stage runs as one worker a partition or shard, each with operators and state of its own.

pub mod planner;
pub mod replacement;
pub mod scan;

use arrow::datatypes::SchemaRef;
use tidemill_sql::lookup::{SourceKind, WindowKind, WindowSpec};
use tidemill_sql::plan::explain::Length;
use tidemill_sql::plan::join::JoinKind;

use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::operators::aggregate::{self, AggregateSpec};
use crate::operators::join::JoinSpec;
use crate::operators::partition_by::KeyColumn;
use crate::operators::{Input, Operator};
use crate::state::StateRoom;
use crate::windows;
use scan::{ScanSpec, Untimed};

/// The form in which joins store their state. Those of queries from before form 1 had all of a foreign-key
/// join in the first shard, and knew fixed windows by their ends as well as by their starts.
pub const JOIN_STATE_VERSION: u32 = 1;

/// A continuous query, ready to be run.
#[derive(Clone)]
pub struct PhysicalPlan {
    /// Stages in an order in which every exchange goes to a later stage. The last one gives the
    /// result.
    pub stages: Vec<StagePlan>,
    /// Columns of the result.
    pub schema: SchemaRef,
    /// Indices of the result's key columns, in key order.
    pub key: Vec<usize>,
    /// Stream or table.
    pub kind: SourceKind,
    /// Windows of the result's key.
    pub window: Option<WindowKind>,
    /// Most rows to give, over the life of the query.
    pub limit: Option<u64>,
}

/// One stage.
#[derive(Clone)]
pub struct StagePlan {
    /// Where its rows come from.
    pub input: StageInput,
    /// What happens to them, in order.
    pub operators: Vec<OperatorPlan>,
    /// Where they go; `None` is the result.
    pub exchange: Option<Exchange>,
}

/// Where the rows of a stage come from.
#[derive(Clone)]
pub enum StageInput {
    /// From a topic: one worker a partition.
    Scan(ScanSpec),
    /// From exchanges: one worker a shard. One schema for each input.
    Exchanged(Vec<SchemaRef>),
}

/// Rows go to shards of a later stage.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Index of the stage.
    pub stage: usize,
    /// Which of its inputs.
    pub input: Input,
    /// Columns of the key.
    pub key: Vec<usize>,
    /// Which shards get a row.
    pub recipients: Recipients,
}

/// Which shards of a stage get a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recipients {
    /// The one that its key belongs to; without key columns, the first.
    ShardOfKey,
    /// Every one. A row whose key has a null part meets nobody, and comes to the first alone.
    EveryShard,
}

/// How to make an operator; each worker makes its own.
#[derive(Clone)]
pub struct OperatorPlan {
    /// Number among the operators of the query that keep state: part of their state's keys, so it must
    /// not change while the query lives.
    pub number: u16,
    /// What it is.
    pub kind: OperatorKind,
}

/// The operators.
#[derive(Clone)]
pub enum OperatorKind {
    /// Passes rows.
    Filter(CompiledExpression),
    /// New columns: name, expression, and the input column's index where it is just that.
    Project(Vec<(String, CompiledExpression, Option<usize>)>),
    /// Another key; see [`crate::operators::partition_by`].
    PartitionBy(Vec<KeyColumn>),
    /// A row for every element of lists: names of the elements' columns, expressions of the lists.
    Explode(Vec<(String, CompiledExpression)>),
    /// Remembers the row of each key, so that updates carry what they replace.
    TableState {
        /// Indices of the key columns.
        key: Vec<usize>,
        /// The columns.
        schema: SchemaRef,
    },
    /// GROUP BY.
    Aggregate(AggregateSpec),
    /// A join; the worker has two inputs.
    Join(JoinSpec),
}

impl OperatorKind {
    /// Whether the operator makes results of the rows that come to it: what it passes on are other rows.
    #[must_use]
    pub fn makes_results(&self) -> bool {
        match self {
            OperatorKind::Aggregate(_) | OperatorKind::Join(_) | OperatorKind::Explode(_) => true,
            OperatorKind::Filter(_)
            | OperatorKind::Project(_)
            | OperatorKind::PartitionBy(_)
            | OperatorKind::TableState { .. } => false,
        }
    }

    /// Whether the operator has state of its own.
    #[must_use]
    pub fn has_state(&self) -> bool {
        match self {
            OperatorKind::Aggregate(_) | OperatorKind::Join(_) | OperatorKind::TableState { .. } => true,
            OperatorKind::Filter(_)
            | OperatorKind::Project(_)
            | OperatorKind::PartitionBy { .. }
            | OperatorKind::Explode(_) => false,
        }
    }
}

impl PhysicalPlan {
    /// The windows that the results are made in; `None` for a result without windows, and for one whose
    /// windows come from its source as they are.
    #[must_use]
    pub fn window(&self) -> Option<&WindowSpec> {
        self.stages.last()?.operators.iter().find_map(|operator| match &operator.kind {
            OperatorKind::Aggregate(spec) => spec.window.as_ref(),
            _ => None,
        })
    }

    /// How long after the time of a window its results can be looked up, where they are made in windows.
    #[must_use]
    pub fn row_retention_ms(&self) -> Option<i64> {
        self.window().map(windows::row_retention_ms)
    }

    /// The same plan, with what becomes of records without a legal event time: they end the query, or are
    /// rejected.
    #[must_use]
    pub fn with_legal_times_needed(mut self, needed: bool) -> PhysicalPlan {
        for stage in &mut self.stages {
            if let StageInput::Scan(scan) = &mut stage.input {
                scan.untimed = if needed { Untimed::EndsQuery } else { Untimed::Rejected };
            }
        }
        self
    }

    /// By stage: its number among those that read the same topic, as more than one do where sources over one
    /// topic are joined. It tells nothing of a stage that reads none.
    #[must_use]
    pub fn reader_numbers(&self) -> Vec<u32> {
        let topic = |stage: &StagePlan| match &stage.input {
            StageInput::Scan(scan) => Some(scan.topic.clone()),
            StageInput::Exchanged(_) => None,
        };
        let read: Vec<_> = self.stages.iter().map(topic).collect();
        let before = |stage: usize| read[..stage].iter().filter(|before| **before == read[stage]).count();
        (0..read.len()).map(|stage| before(stage) as u32).collect()
    }

    /// Whether a stage reads a topic.
    #[must_use]
    pub fn reads_topic(&self, topic: &str) -> bool {
        let reads = |stage: &StagePlan| matches!(&stage.input, StageInput::Scan(scan) if scan.topic.as_str() == topic);
        self.stages.iter().any(reads)
    }

    /// The same plan, with joins that go on with state of an earlier form, see [`JOIN_STATE_VERSION`].
    #[must_use]
    pub fn with_join_state_version(mut self, version: u32) -> PhysicalPlan {
        if version >= JOIN_STATE_VERSION {
            return self;
        }
        let mut is_foreign = vec![false; self.stages.len()];
        for (stage, is_foreign) in self.stages.iter_mut().zip(&mut is_foreign) {
            for operator in &mut stage.operators {
                if let OperatorKind::Join(spec) = &mut operator.kind {
                    spec.window = None;
                    *is_foreign |= spec.kind == JoinKind::ForeignKey;
                }
            }
        }
        for exchange in self.stages.iter_mut().filter_map(|stage| stage.exchange.as_mut()) {
            if is_foreign[exchange.stage] {
                exchange.key.clear();
                exchange.recipients = Recipients::ShardOfKey;
            }
        }
        self
    }

    /// Names of the sources, each once, in the order of the stages that read them.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for stage in &self.stages {
            if let StageInput::Scan(scan) = &stage.input
                && !names.contains(&scan.source.name)
            {
                names.push(scan.source.name.clone());
            }
        }
        names
    }
}

impl PhysicalPlan {
    /// The plan for people: a line for each part of each stage.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let mut lines = vec!["Stages".to_owned()];
        for (index, stage) in self.stages.iter().enumerate() {
            lines.push(match &stage.input {
                StageInput::Scan(scan) => {
                    let names: Vec<&str> =
                        scan.schema.fields().iter().map(|field| field.name().as_str()).collect();
                    format!("  {index}: read topic '{}', columns {}", scan.topic, names.join(", "))
                }
                StageInput::Exchanged(inputs) => format!("  {index}: rows by key, {} input(s)", inputs.len()),
            });
            lines.extend(stage.operators.iter().map(|operator| format!("     {}", operator.describe())));
            lines.push(match &stage.exchange {
                Some(to) => match to.recipients {
                    Recipients::ShardOfKey => {
                        format!("     to stage {} by {} key column(s)", to.stage, to.key.len())
                    }
                    Recipients::EveryShard => format!("     to every shard of stage {}", to.stage),
                },
                None => "     to the result".to_owned(),
            });
        }
        lines
    }
}

impl OperatorPlan {
    /// Makes the operator of one worker.
    ///
    /// # Errors
    /// `Invalid` or `Internal` for a specification that cannot be run.
    pub fn build(&self, room: StateRoom) -> Result<Box<dyn Operator>> {
        use crate::operators::{explode, filter, join, partition_by, project, table_state};
        Ok(match &self.kind {
            OperatorKind::Filter(predicate) => Box::new(filter::Filter::new(predicate.clone())),
            OperatorKind::Project(columns) => Box::new(project::Project::new(columns.clone())),
            OperatorKind::PartitionBy(columns) => Box::new(partition_by::PartitionBy::new(columns.clone())),
            OperatorKind::Explode(lists) => Box::new(explode::Explode::new(lists.clone())?),
            OperatorKind::TableState { key, schema } => {
                Box::new(table_state::TableState::new(key, schema.clone(), room)?)
            }
            OperatorKind::Aggregate(spec) => aggregate::build(spec, room)?,
            OperatorKind::Join(spec) => join::build(spec, room)?,
        })
    }

    /// One line for EXPLAIN.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            OperatorKind::Filter(predicate) => format!("Filter {predicate}"),
            OperatorKind::Project(columns) => {
                let columns = columns.iter().map(|(name, expression, _)| (name, expression));
                format!("Project {}", describe_columns(columns))
            }
            OperatorKind::PartitionBy(columns) => {
                let columns = columns.iter().map(|column| (&column.name, &column.expression));
                format!("PartitionBy {}", describe_columns(columns))
            }
            OperatorKind::Explode(lists) => {
                let columns = lists.iter().map(|(name, expression)| (name, expression));
                format!("Explode {}", describe_columns(columns))
            }
            OperatorKind::TableState { .. } => "TableState".to_owned(),
            OperatorKind::Aggregate(spec) => format!("Aggregate {}", describe_aggregate(spec)),
            OperatorKind::Join(spec) => format!("Join {spec}"),
        }
    }
}

fn describe_columns<'a>(columns: impl Iterator<Item = (&'a String, &'a CompiledExpression)>) -> String {
    let columns: Vec<String> = columns.map(|(name, expression)| format!("{expression} AS {name}")).collect();
    columns.join(", ")
}

fn describe_aggregate(spec: &AggregateSpec) -> String {
    let groups: Vec<&str> = spec.groups.iter().map(|group| group.name().as_str()).collect();
    let calls: Vec<String> =
        spec.calls.iter().map(|call| format!("{} AS {}", call.function, call.name)).collect();
    let window = spec.window.map(|window| format!(", {}, grace {}", window.kind, Length(window.grace_ms)));
    format!("[{}] by [{}]{}", calls.join(", "), groups.join(", "), window.unwrap_or_default())
}
