//! The two byte streams of a connection, cut into messages.
//!
//! A message that fits into a connection's allotment costs nobody anything. A longer one is received
//! only when the door's budget has room for it, and has to come within a time: see [`MessageLimits`].

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pgwire::messages::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::failure::{Ending, Failure};
use super::options::PostgresOptions;
use super::sqlstate::SqlState;
use crate::budget::{Budget, FREE_BYTES, Reservation};

/// Bytes a client may send ahead while a statement runs. Beyond them its socket is left unread, so that
/// TCP holds it back.
const READ_AHEAD_BYTES_MAX: usize = 64 * 1024;

/// Room made for one read.
const READ_BYTES: usize = 8 * 1024;

/// How often to look for a vanished peer when the socket is not read.
const PEER_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Output is sent on when it reaches this size: large enough for the system call to be cheap, small
/// enough that a client sees progress and that a connection's memory stays small.
pub(super) const FLUSH_BYTES: usize = 64 * 1024;

/// Output is sent on when it has waited this long while more rows are ready.
const FLUSH_INTERVAL: Duration = Duration::from_millis(10);

/// Room kept for output between statements.
const OUTPUT_BYTES_KEPT: usize = 8 * 1024;

/// Type byte and length of a message.
const HEADER_BYTES: usize = 5;

/// One message, unread.
pub(super) struct Frame {
    pub(super) message_type: u8,
    pub(super) body: Bytes,
    /// Its share of the budget, if it is long; given back when it has been handled.
    pub(super) reservation: Reservation,
}

/// What messages may take.
#[derive(Clone)]
pub(super) struct MessageLimits {
    bytes_max: usize,
    budget: Budget,
    deadline: Duration,
    bytes_per_second_min: usize,
}

impl MessageLimits {
    /// Those of a door, all of whose connections share them.
    pub(super) fn new(options: &PostgresOptions) -> MessageLimits {
        MessageLimits {
            bytes_max: options.message_bytes_max,
            budget: Budget::new(options.message_bytes_total_max),
            deadline: options.message_deadline,
            bytes_per_second_min: options.message_bytes_per_second_min,
        }
    }
}

/// A long message of which the first part is there.
struct Receiving {
    reservation: Reservation,
    since: Instant,
}

/// A connection's socket with what was read ahead and what is still to be sent.
pub(super) struct Wire {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    flushed_at: Instant,
    limits: MessageLimits,
    receiving: Option<Receiving>,
}

impl Wire {
    /// Takes over a socket that carries messages within limits.
    pub(super) fn new(stream: TcpStream, limits: MessageLimits) -> Wire {
        Wire {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            flushed_at: Instant::now(),
            limits,
            receiving: None,
        }
    }

    /// The next message of an open connection; `None` at its end.
    ///
    /// Memory grows with what has arrived, not with what a header promises. May be dropped and called
    /// again.
    pub(super) async fn next_frame(&mut self) -> Result<Option<Frame>, Ending> {
        loop {
            let length = self.frame_length()?;
            if length.is_some_and(|length| self.receiving.is_none() && length > FREE_BYTES)
                && self.input.len() >= FREE_BYTES
            {
                self.reserve(length.unwrap_or_default()).await?;
            }
            if let Some(frame) = self.buffered_frame(length) {
                return Ok(Some(frame));
            }
            let received = match self.receiving.as_ref().map(|receiving| receiving.since) {
                None => self.read_more().await?,
                Some(since) => {
                    let earned = self.input.len() / self.limits.bytes_per_second_min.max(1);
                    let deadline = since + self.limits.deadline + Duration::from_secs(earned as u64);
                    match tokio::time::timeout_at(deadline, self.read_more()).await {
                        Ok(received) => received?,
                        Err(_) => return Err(violation("the rest of a long message did not come in time")),
                    }
                }
            };
            if received == 0 {
                return Ok(None);
            }
        }
    }

    /// Waits for room for a long message.
    async fn reserve(&mut self, bytes: usize) -> Result<(), Ending> {
        let reserving = self.limits.budget.reserve(bytes);
        let Ok(reservation) = tokio::time::timeout(self.limits.deadline, reserving).await else {
            let message = format!(
                "out of memory: long messages of other connections leave no room for one of {bytes} bytes"
            );
            return Err(Failure::fatal(SqlState::OUT_OF_MEMORY, message).into());
        };
        self.receiving = Some(Receiving { reservation, since: Instant::now() });
        Ok(())
    }

    /// The next message of a connection that has not started yet, which has no type byte: its length
    /// and body. `None` at the end.
    pub(super) async fn next_startup_packet(&mut self, bytes_max: usize) -> Result<Option<BytesMut>, Ending> {
        loop {
            if let Some(header) = self.input.first_chunk::<4>() {
                // A length counts itself; a startup packet holds a version or request code besides.
                let length = u32::from_be_bytes(*header) as usize;
                if !(8..=bytes_max).contains(&length) {
                    return Err(violation("invalid length of startup packet"));
                }
                if self.input.len() >= length {
                    return Ok(Some(self.input.split_to(length)));
                }
            }
            if self.read_more().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Adds a message to the output.
    pub(super) fn put(&mut self, message: &impl Message) {
        let start = self.output.len();
        if let Err(error) = message.encode(&mut self.output) {
            // Longer than the protocol allows: the peer cannot be told what it was.
            self.output.truncate(start);
            tracing::warn!(%error, "message to a client left out");
        }
    }

    /// The output, for what is written without a message object.
    pub(super) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Whether so much output waits, or so long, that it should be sent although more is ready.
    pub(super) fn flush_is_due(&self) -> bool {
        self.output.len() >= FLUSH_BYTES
            || (!self.output.is_empty() && self.flushed_at.elapsed() >= FLUSH_INTERVAL)
    }

    /// Sends the output. May be dropped and called again: no byte is lost or sent twice.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while self.output.has_remaining() {
            if self.stream.write_buf(&mut self.output).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.flushed_at = Instant::now();
        Ok(())
    }

    /// Gives the memory of a long answer back, before the wait for the next message.
    pub(super) fn shrink(&mut self) {
        if self.output.is_empty() && self.output.capacity() > OUTPUT_BYTES_KEPT {
            self.output = BytesMut::new();
        }
    }

    /// Ends when the peer has gone. Meanwhile what it sends ahead is kept, up to a bound. May be dropped
    /// and called again.
    pub(super) async fn peer_gone(&mut self) {
        while self.input.len() < READ_AHEAD_BYTES_MAX {
            match self.read_more().await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        while !hung_up(&self.stream) {
            tokio::time::sleep(PEER_CHECK_INTERVAL).await;
        }
    }

    /// Sends the output and closes the sending side.
    pub(super) async fn close(&mut self) {
        // The peer may have gone before; then there is nobody to tell.
        if self.flush().await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    /// Length of the next message, its own four bytes included; `None` while its header is not there.
    fn frame_length(&self) -> Result<Option<usize>, Ending> {
        let Some(header) = self.input.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if length < HEADER_BYTES - 1 {
            return Err(violation("invalid message length"));
        }
        if length > self.limits.bytes_max {
            return Err(violation(format!(
                "message of {length} bytes is longer than the {} bytes this server takes",
                self.limits.bytes_max
            )));
        }
        Ok(Some(length))
    }

    /// The next message, of that length, if it is there.
    fn buffered_frame(&mut self, length: Option<usize>) -> Option<Frame> {
        let length = length.filter(|length| self.input.len() > *length)?;
        let message_type = *self.input.first()?;
        let mut message = self.input.split_to(length + 1);
        message.advance(HEADER_BYTES);
        let reservation = self.receiving.take().map(|receiving| receiving.reservation).unwrap_or_default();
        Some(Frame { message_type, body: message.freeze(), reservation })
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        if self.input.is_empty() && self.input.capacity() > READ_AHEAD_BYTES_MAX {
            // A long message is over; its memory need not stay with the connection.
            self.input = BytesMut::new();
        }
        self.input.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.input).await
    }
}

fn violation(message: impl Into<String>) -> Ending {
    Failure::fatal(SqlState::PROTOCOL_VIOLATION, message).into()
}

/// Whether the peer closed its side although unread bytes are left.
fn hung_up(stream: &TcpStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&now)) {
        Ok(_) => polled[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    /// Both ends of a connection whose messages may take at most 1 MiB together and no time at all.
    async fn connected() -> (TcpStream, Wire) {
        let options = PostgresOptions {
            message_bytes_total_max: 1 << 20,
            message_deadline: Duration::ZERO,
            message_bytes_per_second_min: usize::MAX,
            ..PostgresOptions::default()
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("binds");
        let address = listener.local_addr().expect("has an address");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (server, _) = accepted.expect("accepts");
        (client.expect("connects"), Wire::new(server, MessageLimits::new(&options)))
    }

    /// A message of type Q with a body of so many zeros, of which `missing` are left out.
    async fn send(client: &mut TcpStream, body_bytes: usize, missing: usize) {
        let mut message = vec![b'Q'];
        message.extend_from_slice(&(body_bytes as u32 + 4).to_be_bytes());
        message.resize(HEADER_BYTES + body_bytes - missing, 0);
        client.write_all(&message).await.expect("sends");
    }

    fn state(ending: Result<Option<Frame>, Ending>) -> SqlState {
        match ending {
            Err(Ending::Failed(failure)) if failure.fatal => failure.state,
            Err(other) => panic!("not a failure that ends the connection: {other:?}"),
            Ok(frame) => panic!("a message: {}", frame.is_some()),
        }
    }

    #[tokio::test]
    async fn a_long_message_that_does_not_come_to_its_end_is_given_up() {
        let (mut client, mut wire) = connected().await;
        send(&mut client, 10 * FREE_BYTES, 1).await;
        assert_eq!(state(wire.next_frame().await), SqlState::PROTOCOL_VIOLATION);
    }

    #[tokio::test]
    async fn a_long_message_is_refused_when_others_have_taken_the_memory() {
        let (mut client, mut wire) = connected().await;
        let others = wire.limits.budget.reserve(1 << 20).await;
        send(&mut client, 2 * FREE_BYTES, 0).await;
        assert_eq!(state(wire.next_frame().await), SqlState::OUT_OF_MEMORY);
        drop(others);
    }

    #[tokio::test]
    async fn a_short_message_costs_nobody_anything() {
        let (mut client, mut wire) = connected().await;
        let _others = wire.limits.budget.reserve(1 << 20).await;
        send(&mut client, FREE_BYTES / 2, 0).await;
        let frame = wire.next_frame().await.expect("is read").expect("is there");
        assert_eq!((frame.message_type, frame.body.len()), (b'Q', FREE_BYTES / 2));
    }
}
