//! Requests as they stand on the wire: a 32-bit length, then so many bytes.
//!
//! The reader's buffer grows only with the bytes that came, never with the bytes that were announced,
//! and a request beyond a connection's allotment is read on only when the budget has room for all of
//! it. A sender that is too slow is given up.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::options::ConnectionLimits;
use crate::budget::{Budget, FREE_BYTES, Reservation};

/// Bytes of the length that stands before a request.
const LENGTH_BYTES: usize = 4;

/// Room made in the buffer of a connection that has nothing to read.
const IDLE_BYTES: usize = 4 * 1024;

/// A request as it came, without its length.
pub(crate) struct Frame {
    /// The request.
    pub(crate) bytes: Bytes,
    /// Its share of the budget.
    pub(crate) reservation: Reservation,
}

/// Why no more requests can be read.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The length is negative, too small for a header, or over the limit.
    Length(i32),
    /// The client went away in the middle of a request.
    Truncated,
    /// Nothing came for too long.
    Idle,
    /// A request did not come to its end in time.
    Slow,
    /// The server's memory for requests was used up for too long.
    Busy,
    /// The operating system's error.
    Io(io::Error),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Length(length) => write!(f, "a request of {length} bytes is out of limits"),
            FrameError::Truncated => f.write_str("the connection ended in the middle of a request"),
            FrameError::Idle => f.write_str("no request came in time"),
            FrameError::Slow => f.write_str("a request came too slowly"),
            FrameError::Busy => f.write_str("the memory for requests stayed used up"),
            FrameError::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> FrameError {
        FrameError::Io(error)
    }
}

/// Cuts a byte stream into requests.
pub(crate) struct FrameReader<R> {
    io: R,
    buffer: BytesMut,
    budget: Budget,
    limits: ConnectionLimits,
    first: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads from `io`.
    pub(crate) fn new(io: R, budget: Budget, limits: ConnectionLimits) -> FrameReader<R> {
        FrameReader { io, buffer: BytesMut::new(), budget, limits, first: true }
    }

    /// The next request; `None` when the client closed the connection between two of them.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let patience = if self.first { self.limits.handshake_timeout } else { self.limits.idle_timeout };
        let quiet_until = Instant::now() + patience;
        if self.buffer.is_empty() {
            // Nothing is in the buffer: a large one from an earlier request is let go.
            self.buffer = BytesMut::with_capacity(IDLE_BYTES);
            match timeout_at(quiet_until, self.io.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(FrameError::Idle),
                Ok(Ok(0)) => return Ok(None),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        let allowed = if self.first { self.limits.handshake_timeout } else { self.limits.frame_timeout };
        let pace =
            Pace { start: Instant::now(), allowed, per_second: self.limits.frame_bytes_per_second_min };
        self.fill(LENGTH_BYTES, &pace).await?;
        let length = self.length()?;
        let reservation = if length > FREE_BYTES {
            // The first part has to be there before the rest is reserved: announcing much is cheap.
            self.fill(LENGTH_BYTES + FREE_BYTES, &pace).await?;
            let waited = tokio::time::timeout(self.limits.frame_timeout, self.budget.reserve(length)).await;
            waited.map_err(|_| FrameError::Busy)?
        } else {
            Reservation::default()
        };
        let pace = Pace { start: Instant::now(), ..pace };
        self.fill(LENGTH_BYTES + length, &pace).await?;
        self.first = false;
        let mut bytes = self.buffer.split_to(LENGTH_BYTES + length).freeze();
        bytes::Buf::advance(&mut bytes, LENGTH_BYTES);
        Ok(Some(Frame { bytes, reservation }))
    }

    fn length(&self) -> Result<usize, FrameError> {
        let announced = match self.buffer.first_chunk::<LENGTH_BYTES>() {
            Some(bytes) => i32::from_be_bytes(*bytes),
            None => return Err(FrameError::Truncated),
        };
        match usize::try_from(announced) {
            Ok(length) if length <= self.limits.frame_bytes_max => Ok(length),
            _ => Err(FrameError::Length(announced)),
        }
    }

    /// Reads until the buffer holds `wanted` bytes.
    async fn fill(&mut self, wanted: usize, pace: &Pace) -> Result<(), FrameError> {
        while self.buffer.len() < wanted {
            let received = self.buffer.len();
            let missing = wanted - received;
            // Twice what came at most, so that memory follows the bytes and not the announcement.
            self.buffer.reserve(missing.min(received.max(FREE_BYTES)));
            match timeout_at(pace.deadline(received), self.io.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(FrameError::Slow),
                Ok(Ok(0)) => return Err(FrameError::Truncated),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// How long a request may take.
struct Pace {
    start: Instant,
    allowed: Duration,
    per_second: usize,
}

impl Pace {
    fn deadline(&self, received: usize) -> Instant {
        let earned = Duration::from_secs((received / self.per_second.max(1)) as u64);
        self.start + self.allowed + earned
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
