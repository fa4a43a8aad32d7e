//! The two byte streams of a connection, cut into messages.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pgwire::messages::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::failure::{Ending, Failure};
use super::sqlstate::SqlState;

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
}

/// A connection's socket with what was read ahead and what is still to be sent.
pub(super) struct Wire {
    stream: TcpStream,
    input: BytesMut,
    output: BytesMut,
    flushed_at: Instant,
    message_bytes_max: usize,
}

impl Wire {
    /// Takes over a socket that carries messages of up to so many bytes.
    pub(super) fn new(stream: TcpStream, message_bytes_max: usize) -> Wire {
        Wire {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            flushed_at: Instant::now(),
            message_bytes_max,
        }
    }

    /// The next message of an open connection; `None` at its end.
    ///
    /// Memory grows with what has arrived, not with what a header promises.
    pub(super) async fn next_frame(&mut self) -> Result<Option<Frame>, Ending> {
        loop {
            if let Some(frame) = self.buffered_frame()? {
                return Ok(Some(frame));
            }
            if self.read_more().await? == 0 {
                return Ok(None);
            }
        }
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

    fn buffered_frame(&mut self) -> Result<Option<Frame>, Ending> {
        let Some(header) = self.input.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let message_type = header[0];
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
        if length < HEADER_BYTES - 1 {
            return Err(violation("invalid message length"));
        }
        if length > self.message_bytes_max {
            return Err(violation(format!(
                "message of {length} bytes is longer than the {} bytes this server takes",
                self.message_bytes_max
            )));
        }
        if self.input.len() < length + 1 {
            return Ok(None);
        }
        let mut message = self.input.split_to(length + 1);
        message.advance(HEADER_BYTES);
        Ok(Some(Frame { message_type, body: message.freeze() }))
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
