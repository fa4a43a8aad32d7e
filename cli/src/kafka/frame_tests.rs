//! Frames: what is taken, what closes the connection.

use std::io::Cursor;

use tokio::io::{AsyncWriteExt, duplex};

use super::*;

/// Limits with so little patience that a test does not wait.
fn limits() -> ConnectionLimits {
    ConnectionLimits {
        frame_bytes_max: 1 << 20,
        handshake_timeout: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(50),
        frame_timeout: Duration::from_millis(50),
        ..ConnectionLimits::default()
    }
}

fn reader<R: AsyncRead + Unpin>(io: R) -> FrameReader<R> {
    FrameReader::new(io, Budget::new(4 << 20), limits())
}

fn framed(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

#[tokio::test]
async fn frames_come_out_as_they_went_in() {
    let large = vec![7; 300_000];
    let bytes = [framed(b"one"), framed(b""), framed(&large), framed(b"last")].concat();
    let mut reader = reader(Cursor::new(bytes));
    for expected in [&b"one"[..], b"", &large, b"last"] {
        let frame = reader.next().await.unwrap().unwrap();
        assert_eq!(frame.bytes, expected);
    }
    assert!(reader.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_client_may_send_byte_by_byte() {
    let (mut client, server) = duplex(1);
    let mut reader = reader(server);
    let bytes = framed(b"slowly");
    let sending = async {
        for byte in bytes {
            client.write_u8(byte).await.unwrap();
        }
        client
    };
    let (frame, _client) = tokio::join!(reader.next(), sending);
    assert_eq!(frame.unwrap().unwrap().bytes, &b"slowly"[..]);
}

#[tokio::test]
async fn lengths_out_of_limits_are_refused() {
    for length in [-1, i32::MIN, i32::MAX, (1 << 20) + 1] {
        let mut reader = reader(Cursor::new(length.to_be_bytes().to_vec()));
        let refused = reader.next().await;
        assert!(matches!(refused, Err(FrameError::Length(refused)) if refused == length));
    }
}

#[tokio::test]
async fn a_large_announcement_allocates_nothing() {
    let (mut client, server) = duplex(64);
    let mut reader = reader(server);
    client.write_all(&(1_i32 << 20).to_be_bytes()).await.unwrap();
    client.write_all(b"a few bytes").await.unwrap();
    assert!(matches!(reader.next().await, Err(FrameError::Slow)));
    assert!(reader.buffer.capacity() <= 2 * FREE_BYTES, "{}", reader.buffer.capacity());
    assert_eq!(reader.budget.available_bytes(), 4 << 20);
}

#[tokio::test]
async fn a_connection_that_ends_inside_a_frame_is_truncated() {
    let mut bytes = framed(b"cut off");
    bytes.pop();
    assert!(matches!(reader(Cursor::new(bytes)).next().await, Err(FrameError::Truncated)));
}

#[tokio::test]
async fn a_client_that_says_nothing_is_given_up() {
    let (_client, server) = duplex(64);
    assert!(matches!(reader(server).next().await, Err(FrameError::Idle)));
}

#[tokio::test]
async fn a_large_frame_waits_for_room_and_is_given_up() {
    let budget = Budget::new(1 << 20);
    let _others = budget.reserve(1 << 20).await;
    let bytes = framed(&vec![0; 1 << 20]);
    let mut reader = FrameReader::new(Cursor::new(bytes), budget, limits());
    assert!(matches!(reader.next().await, Err(FrameError::Busy)));
}

#[tokio::test]
async fn a_frame_holds_its_share_until_it_is_dropped() {
    let bytes = framed(&vec![0; 1 << 20]);
    let mut reader = reader(Cursor::new(bytes));
    let frame = reader.next().await.unwrap().unwrap();
    assert_eq!(reader.budget.available_bytes(), 3 << 20);
    drop(frame);
    assert_eq!(reader.budget.available_bytes(), 4 << 20);
}
