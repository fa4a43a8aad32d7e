//! The frame around payloads whose schema a registry keeps: a zero byte, the schema's id in four bytes
//! (big-endian), and the payload's body behind it.

use crate::registry::SchemaId;

/// The first byte of every frame.
const MAGIC: u8 = 0;

/// Bytes in front of the body.
const FRAME_BYTES: usize = 5;

/// The schema's id and the body of a payload.
///
/// # Errors
/// A reason for people, if the payload has no frame.
pub(super) fn split(payload: &[u8]) -> Result<(SchemaId, &[u8]), String> {
    match payload.split_first_chunk::<FRAME_BYTES>() {
        Some(([MAGIC, id @ ..], body)) => Ok((SchemaId(i32::from_be_bytes(*id)), body)),
        Some(([first, ..], _)) => {
            Err(format!("not written with a schema registry: the first byte is {first} instead of {MAGIC}"))
        }
        None => Err(format!(
            "not written with a schema registry: {} bytes, where {FRAME_BYTES} tell the schema",
            payload.len()
        )),
    }
}

/// Appends the frame of a schema.
pub(super) fn write(id: SchemaId, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend_from_slice(&id.0.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_split_again() {
        let mut payload = Vec::new();
        write(SchemaId(70_000), &mut payload);
        payload.extend_from_slice(b"body");
        assert_eq!(split(&payload), Ok((SchemaId(70_000), &b"body"[..])));
    }

    #[test]
    fn a_payload_without_a_frame_is_told_apart() {
        for (payload, reason) in [
            (&b"{\"a\":1}"[..], "the first byte is 123 instead of 0"),
            (b"\0\0\0\0", "4 bytes, where 5 tell the schema"),
            (b"", "0 bytes, where 5 tell the schema"),
        ] {
            assert!(split(payload).is_err_and(|found| found.ends_with(reason)), "{payload:?}");
        }
    }
}
