//! The demo from its first statement to its end: set the scene, feed, show.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::producer::Producer;
use super::sampler::Sampler;
use super::{scenario, view};
use crate::failure::CommandFailure;
use crate::repl::Remote;
use crate::repl::backend::{Backend, Failure};

/// Time between two samples. The clock of processor times ticks a hundred times a second, so that a
/// quarter of one tells a few percent apart.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(250);

/// Where the server that is used listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    /// Postgres.
    pub(crate) postgres: SocketAddr,
    /// Kafka.
    pub(crate) kafka: SocketAddr,
}

/// Performs until told to stop.
pub(crate) async fn perform(doors: Doors, stop: CancellationToken) -> Result<(), CommandFailure> {
    let performance = async {
        let mut panels = connect(&doors).await?;
        for statement in scenario::statements() {
            panels.execute(statement).await.map_err(failed)?;
        }
        let alerts = connect(&doors).await?;
        let guide = scenario::guide(&doors);
        println!("{guide}\n");
        let sampler = start_sampler().await?;
        let producer = Producer::connect(doors.kafka).await?;
        tokio::select! {
            ended = feed(producer, sampler) => ended,
            ended = view::watch(panels, alerts, &guide) => ended,
        }
    };
    tokio::select! {
        ended = performance => ended,
        () = stop.cancelled() => Ok(()),
    }
}

async fn connect(doors: &Doors) -> Result<Remote, CommandFailure> {
    Remote::connect(&format!("postgres://{}", doors.postgres)).await.map_err(failed)
}

/// Samples the machine and produces what it finds, again and again.
async fn feed(mut producer: Producer, mut sampler: Sampler) -> Result<(), CommandFailure> {
    // The first sample needs its time too: of an instant nobody can say how busy it was.
    let mut ticks = tokio::time::interval_at(Instant::now() + SAMPLE_INTERVAL, SAMPLE_INTERVAL);
    // After a stall the next sample covers the whole of it; catching up would add samples of nothing.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Reading /proc blocks for as long as the kernel collects.
        let sampled = tokio::task::spawn_blocking(move || {
            let samples = sampler.sample();
            (sampler, samples)
        });
        let (returned, samples) = sampled.await.map_err(unreadable)?;
        sampler = returned;
        producer.send(samples.map_err(unreadable)?).await?;
    }
}

async fn start_sampler() -> Result<Sampler, CommandFailure> {
    tokio::task::spawn_blocking(Sampler::start).await.map_err(unreadable)?.map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> CommandFailure {
    CommandFailure(format!("could not read this machine's metrics from /proc: {error}"))
}

/// A failure of the demo's own statements.
pub(super) fn failed(failure: Failure) -> CommandFailure {
    CommandFailure(format!("the demo's statements failed: {failure}"))
}
