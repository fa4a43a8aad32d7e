//! Which message of a schema's file a payload holds: the numbers behind the schema's id.
//!
//! A count, and so many positions, each among the messages of the one before it; all as zigzag varints.
//! A single zero stands for the file's first message, which most payloads hold.

use prost_reflect::{FileDescriptor, MessageDescriptor};

use super::wire::{read_varint, unzigzag, write_varint, zigzag};

/// Messages within messages: what compilers of schemas take.
const DEPTH_MAX: i64 = 32;

/// Cuts a body into the bytes of its indexes and the message behind them.
///
/// # Errors
/// A reason for people.
pub(super) fn split(body: &[u8]) -> Result<(&[u8], &[u8]), String> {
    if let [0, message @ ..] = body {
        return Ok((&body[..1], message));
    }
    let mut rest = body;
    let count = read_varint(&mut rest).map(unzigzag).map_err(|_| unreadable())?;
    if !(0..=DEPTH_MAX).contains(&count) {
        return Err(unreadable());
    }
    for _ in 0..count {
        read_varint(&mut rest).map_err(|_| unreadable())?;
    }
    Ok(body.split_at(body.len() - rest.len()))
}

/// The message that the bytes of indexes stand for.
///
/// # Errors
/// A reason for people: the schema has no such message.
pub(super) fn message(file: &FileDescriptor, mut indexes: &[u8]) -> Result<MessageDescriptor, String> {
    let count = read_varint(&mut indexes).map(unzigzag).map_err(|_| unreadable())?;
    let missing = || "the schema has no message of the payload's indexes".to_owned();
    let mut found: Option<MessageDescriptor> = None;
    for _ in 0..count.max(1) {
        let index = if count == 0 { Ok(0) } else { read_varint(&mut indexes).map(unzigzag) };
        let index = usize::try_from(index.map_err(|_| unreadable())?).map_err(|_| missing())?;
        let inner = match &found {
            None => file.messages().nth(index),
            Some(outer) => outer.child_messages().nth(index),
        };
        found = Some(inner.ok_or_else(missing)?);
    }
    found.ok_or_else(missing)
}

/// Appends the indexes of a message.
pub(super) fn write(message: &MessageDescriptor, out: &mut Vec<u8>) {
    // Its path is that of descriptors: a field's number in front of each position.
    let positions: Vec<i32> = message.path().iter().skip(1).step_by(2).copied().collect();
    if positions == [0] {
        out.push(0);
        return;
    }
    write_varint(zigzag(positions.len() as i64), out);
    for position in positions {
        write_varint(zigzag(i64::from(position)), out);
    }
}

fn unreadable() -> String {
    "the indexes of the payload's message cannot be read".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::protobuf::root_message::file_of;

    #[test]
    fn each_message_of_a_file_is_found_by_the_indexes_written_for_it() {
        let text = "message A { message B {} message C { message D {} } } message E { message F {} }";
        let file = file_of(text);
        for (name, bytes) in [
            ("A", &[0][..]),
            ("A.B", &[4, 0, 0]),
            ("A.C.D", &[6, 0, 2, 0]),
            ("E", &[2, 2]),
            ("E.F", &[4, 2, 0]),
        ] {
            let expected = file.parent_pool().get_message_by_name(name).expect("a message");
            let mut written = Vec::new();
            write(&expected, &mut written);
            assert_eq!(written, bytes, "{name}");
            written.extend_from_slice(b"body");
            let (indexes, body) = split(&written).expect("indexes");
            assert_eq!((message(&file, indexes), body), (Ok(expected), &b"body"[..]));
        }
        let first = file.messages().next().expect("a message");
        assert_eq!(message(&file, &[2, 0]), Ok(first), "the long form of the first message");
    }

    #[test]
    fn indexes_that_lead_nowhere_are_told() {
        let file = file_of("message A {}");
        for indexes in [&[2, 2][..], &[4, 0, 0], &[2, 1]] {
            assert!(message(&file, indexes).is_err(), "{indexes:?}");
        }
        for body in [&[][..], &[1], &[0xff; 11], &[4, 0], &[0x80, 0x80, 0x80, 1]] {
            assert!(split(body).is_err(), "{body:?}");
        }
    }
}
