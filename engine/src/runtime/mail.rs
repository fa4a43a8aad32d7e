//! What the stages of a query send each other within a round.
//!
//! Every stage has a mailbox that the stages before it fill in a round and that it empties when its turn
//! comes. Beside the rows it learns how far event time has come on its inputs, over all rounds.

use std::collections::BTreeMap;

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::Input;
use crate::physical::{Exchange, PhysicalPlan};
use crate::runtime::exchange::{Mailbox, Run, StreamTimes};

/// The mailboxes of a query's stages.
pub struct Mail {
    /// By stage: where its rows go.
    exchanges: Vec<Option<Exchange>>,
    mailboxes: Vec<Mailbox>,
    /// By stage: how far event time has come on its inputs, as its shards know.
    stream_times: Vec<StreamTimes>,
}

/// What has come to a stage in a round.
pub struct Delivery {
    /// Runs by shard.
    pub runs: BTreeMap<usize, Vec<Run>>,
    /// How far event time has come on the stage's inputs.
    pub stream_times: StreamTimes,
    /// Whether it went on in this round. Shards without rows have to hear of that: it closes their
    /// windows.
    pub advanced: bool,
}

impl Mail {
    /// The empty mailboxes of a plan's stages.
    #[must_use]
    pub fn new(plan: &PhysicalPlan) -> Mail {
        Mail {
            exchanges: plan.stages.iter().map(|stage| stage.exchange.clone()).collect(),
            mailboxes: plan.stages.iter().map(|_| Mailbox::default()).collect(),
            stream_times: vec![StreamTimes::default(); plan.stages.len()],
        }
    }

    /// Whether any stage sends rows to another.
    #[must_use]
    pub fn has_exchanges(&self) -> bool {
        self.exchanges.iter().any(Option::is_some)
    }

    /// Empties the mailbox of a stage, whose turn it is.
    pub fn deliver(&mut self, stage: usize) -> Delivery {
        let mailbox = std::mem::take(&mut self.mailboxes[stage]);
        let stream_times = &mut self.stream_times[stage];
        let known = *stream_times;
        for input in [Input::Left, Input::Right] {
            stream_times.advance(input, mailbox.stream_times.of(input));
        }
        Delivery { runs: mailbox.runs, stream_times: *stream_times, advanced: *stream_times != known }
    }

    /// Sends the rows of one of a stage's workers to where its exchange says; those of a stage without
    /// one are the result, and are not sent. `shards` tells how many workers a stage has.
    ///
    /// # Errors
    /// Arrow's.
    pub fn send(
        &mut self,
        stage: usize,
        batches: Vec<ChangeBatch>,
        shards: impl Fn(usize) -> usize,
    ) -> Result<()> {
        match &self.exchanges[stage] {
            Some(exchange) => self.mailboxes[exchange.stage].take(exchange, batches, shards(exchange.stage)),
            None => Ok(()),
        }
    }
}
