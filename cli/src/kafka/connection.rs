//! One client: requests are read, started in order, and answered in order.
//!
//! A request starts when the one before has taken effect; only what it then waits for (the disk,
//! records, other group members) overlaps with the requests behind it. So a producer's batches are
//! appended one after the other as they come and share an fsync. Waiting answers are polled one at a
//! time, at the head of the queue: a client that does not read holds one answer in memory, not many.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::dispatch::{Answer, start};
use super::frame::{FrameError, FrameReader};
use super::request::{Refused, Request};
use super::server::Server;
use crate::budget::Reservation;

/// Who is at the other end, and how this server is reached from there.
#[derive(Clone)]
pub(crate) struct Client {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// The address the client connected to: this is what it is told to connect to again.
    pub(crate) advertised: SocketAddr,
    /// The client's address.
    pub(crate) peer: SocketAddr,
}

/// An answer in bytes, and the share of the budget it holds until it is written.
pub(crate) struct Encoded {
    /// Length, header and body.
    pub(crate) bytes: Bytes,
    /// Its share.
    pub(crate) reservation: Reservation,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, client: Client) {
    let limits = client.server.options.connections.clone();
    let peer = client.peer;
    let closing = client.server.closing.clone();
    let (reader, mut writer) = stream.into_split();
    let (queue, mut answers) = mpsc::channel::<Answer>(limits.in_flight_max);
    let frames = FrameReader::new(reader, client.server.request_budget.clone(), limits.clone());
    let mut reading = std::pin::pin!(read(frames, &client, queue, &closing));
    let mut writing = std::pin::pin!(write(&mut answers, &mut writer, limits.write_timeout));
    let ended = tokio::select! {
        ended = &mut reading => ended,
        outcome = &mut writing => {
            log_write(peer, &outcome);
            return;
        }
    };
    match ended {
        // Nobody is left to read answers; what was appended stays appended.
        Ended::ByClient => debug!(%peer, "kafka connection closed by the client"),
        Ended::Broken(error) => {
            debug!(%peer, %error, "kafka connection ended");
        }
        Ended::Refused(error) => {
            warn!(%peer, %error, "kafka connection closed: bad request");
            finish(peer, limits.drain_timeout, writing).await;
        }
        Ended::ByServer => finish(peer, limits.drain_timeout, writing).await,
    }
}

/// Why reading ended.
enum Ended {
    ByClient,
    ByServer,
    Broken(FrameError),
    Refused(Refused),
}

/// Lets the answers that are on their way out, for a while.
async fn finish(peer: SocketAddr, patience: std::time::Duration, writing: impl Future<Output = Written>) {
    if let Ok(outcome) = timeout(patience, writing).await {
        log_write(peer, &outcome);
    }
}

async fn read(
    mut frames: FrameReader<tokio::net::tcp::OwnedReadHalf>,
    client: &Client,
    queue: mpsc::Sender<Answer>,
    closing: &CancellationToken,
) -> Ended {
    loop {
        // Room for the answer comes first: a client over its bound is not read.
        let Ok(slot) = queue.reserve().await else { return Ended::ByServer };
        let frame = tokio::select! {
            frame = frames.next() => frame,
            () = closing.cancelled() => return Ended::ByServer,
        };
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ended::ByClient,
            Err(error @ (FrameError::Length(_) | FrameError::Slow | FrameError::Busy)) => {
                warn!(peer = %client.peer, %error, "kafka connection closed");
                return Ended::Broken(error);
            }
            Err(error) => return Ended::Broken(error),
        };
        let started = match Request::parse(frame.bytes) {
            Ok(request) => start(client, request, frame.reservation).await,
            Err(refused) => Err(refused),
        };
        match started {
            Ok(Answer::None) => {}
            Ok(answer) => slot.send(answer),
            Err(refused) => return Ended::Refused(refused),
        }
    }
}

type Written = Result<(), WriteError>;

enum WriteError {
    Io(std::io::Error),
    Stalled,
    Refused(Refused),
}

fn log_write(peer: SocketAddr, outcome: &Written) {
    match outcome {
        Ok(()) => {}
        Err(WriteError::Io(error)) => debug!(%peer, %error, "kafka connection ended"),
        Err(WriteError::Stalled) => warn!(%peer, "kafka connection closed: the client takes no answers"),
        Err(WriteError::Refused(error)) => warn!(%peer, %error, "kafka connection closed"),
    }
}

/// Writes answers in the order of their requests, until no more can come.
async fn write(
    answers: &mut mpsc::Receiver<Answer>,
    writer: &mut (impl AsyncWrite + Unpin),
    patience: std::time::Duration,
) -> Written {
    while let Some(answer) = answers.recv().await {
        let encoded = match answer {
            Answer::None => continue,
            Answer::Now(encoded) => encoded,
            Answer::Later(waiting) => waiting.await.map_err(WriteError::Refused)?,
        };
        let mut rest = encoded.bytes;
        while !rest.is_empty() {
            match timeout(patience, writer.write_buf(&mut rest)).await {
                Err(_) => return Err(WriteError::Stalled),
                Ok(Ok(0)) => return Err(WriteError::Io(std::io::ErrorKind::WriteZero.into())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(WriteError::Io(error)),
            }
        }
        drop(encoded.reservation);
    }
    Ok(())
}
