//! Messages of clients, read with every length checked.
//!
//! The codec crate's decoders trust the lengths inside a message (they stop the task, or read on into
//! the next message, where one lies), so the bodies are read here, each from a buffer that holds
//! exactly one message.

use bytes::{Buf, Bytes};

/// Bytes of every value's length prefix.
const LENGTH_BYTES: usize = 4;

/// A message of an open connection.
#[derive(PartialEq, Debug)]
pub(super) enum FrontendMessage {
    /// Run statements and answer with everything.
    Query(String),
    /// Read a statement and keep it under a name.
    Parse(Parse),
    /// Give a statement's parameters values and keep that under a name.
    Bind(Bind),
    /// Tell about a statement or portal.
    Describe(Target),
    /// Run a portal, up to so many rows; 0 for all.
    Execute { portal: String, rows_max: u32 },
    /// Forget a statement or portal.
    Close(Target),
    /// Send what is there.
    Flush,
    /// End of a group of messages.
    Sync,
    /// End of the connection.
    Terminate,
    /// Part of a COPY that this server did not ask for; what is left over when one failed.
    CopyInput,
    /// A password, which nobody asked for.
    Password,
}

/// Body of a Parse message.
#[derive(PartialEq, Debug)]
pub(super) struct Parse {
    pub(super) statement: String,
    pub(super) query: String,
    /// Types of the first parameters; 0 leaves one open.
    pub(super) parameter_oids: Vec<u32>,
}

/// Body of a Bind message.
#[derive(PartialEq, Debug)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) parameter_formats: Vec<i16>,
    pub(super) parameters: Vec<Option<Bytes>>,
    pub(super) result_formats: Vec<i16>,
}

/// What a Describe or Close message is about.
#[derive(PartialEq, Debug)]
pub(super) enum Target {
    /// A prepared statement.
    Statement(String),
    /// A portal.
    Portal(String),
}

/// Why a message cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// No message begins with this byte.
    #[error("invalid frontend message type {0}")]
    UnknownType(u8),
    /// A length or a terminator inside does not fit the message.
    #[error("invalid message format")]
    Malformed,
    /// Text that is not UTF-8.
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    NotUtf8,
}

impl FrontendMessage {
    /// Reads the body of a message of a type.
    pub(super) fn read(message_type: u8, body: Bytes) -> Result<FrontendMessage, MessageError> {
        let mut body = Body(body);
        let message = match message_type {
            b'Q' => FrontendMessage::Query(body.string()?),
            b'P' => FrontendMessage::Parse(Parse {
                statement: body.string()?,
                query: body.string()?,
                parameter_oids: body.list(LENGTH_BYTES, |body| Ok(body.0.get_u32()))?,
            }),
            b'B' => FrontendMessage::Bind(Bind {
                portal: body.string()?,
                statement: body.string()?,
                parameter_formats: body.list(2, |body| Ok(body.0.get_i16()))?,
                parameters: body.list(LENGTH_BYTES, Body::value)?,
                result_formats: body.list(2, |body| Ok(body.0.get_i16()))?,
            }),
            b'D' => FrontendMessage::Describe(body.target()?),
            b'C' => FrontendMessage::Close(body.target()?),
            b'E' => FrontendMessage::Execute {
                portal: body.string()?,
                // Postgres takes a negative limit for none too.
                rows_max: u32::try_from(body.i32()?).unwrap_or(0),
            },
            b'H' => FrontendMessage::Flush,
            b'S' => FrontendMessage::Sync,
            b'X' => FrontendMessage::Terminate,
            b'd' | b'c' | b'f' => return Ok(FrontendMessage::CopyInput),
            b'p' => return Ok(FrontendMessage::Password),
            other => return Err(MessageError::UnknownType(other)),
        };
        if body.0.has_remaining() { Err(MessageError::Malformed) } else { Ok(message) }
    }
}

/// The unread part of a message.
struct Body(Bytes);

impl Body {
    /// Text up to a zero byte.
    fn string(&mut self) -> Result<String, MessageError> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(MessageError::Malformed)?;
        let text = self.0.split_to(end);
        self.0.advance(1);
        String::from_utf8(text.into()).map_err(|_| MessageError::NotUtf8)
    }

    fn i32(&mut self) -> Result<i32, MessageError> {
        self.0.try_get_i32().map_err(|_| MessageError::Malformed)
    }

    /// A count of 16 bits and so many items, each of `item_bytes_min` bytes at least: memory is taken
    /// for them only after the message has proved to be that long.
    fn list<T>(
        &mut self,
        item_bytes_min: usize,
        item: impl Fn(&mut Body) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        let count = usize::from(self.0.try_get_u16().map_err(|_| MessageError::Malformed)?);
        if count * item_bytes_min > self.0.remaining() {
            return Err(MessageError::Malformed);
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            // An item before may have been longer than the least.
            if self.0.remaining() < item_bytes_min {
                return Err(MessageError::Malformed);
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A length and so many bytes; -1 is null.
    fn value(&mut self) -> Result<Option<Bytes>, MessageError> {
        match self.i32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| MessageError::Malformed)?;
                if length > self.0.remaining() {
                    return Err(MessageError::Malformed);
                }
                Ok(Some(self.0.split_to(length)))
            }
        }
    }

    fn target(&mut self) -> Result<Target, MessageError> {
        match self.0.try_get_u8() {
            Ok(b'S') => Ok(Target::Statement(self.string()?)),
            Ok(b'P') => Ok(Target::Portal(self.string()?)),
            _ => Err(MessageError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message_type: u8, body: &'static [u8]) -> Result<FrontendMessage, MessageError> {
        FrontendMessage::read(message_type, Bytes::from_static(body))
    }

    #[test]
    fn a_bind_message_is_read() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\0";
        let expected = Bind {
            portal: "p".into(),
            statement: "s".into(),
            parameter_formats: vec![1],
            parameters: vec![Some(Bytes::from_static(b"ab")), None],
            result_formats: vec![],
        };
        assert_eq!(read(b'B', body), Ok(FrontendMessage::Bind(expected)));
    }

    #[test]
    fn counts_and_lengths_beyond_the_message_are_refused() {
        assert_eq!(read(b'B', b"\0\0\xff\xff"), Err(MessageError::Malformed));
        assert_eq!(read(b'B', b"\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0"), Err(MessageError::Malformed));
        assert_eq!(read(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), Err(MessageError::Malformed));
        assert_eq!(read(b'P', b"s\0select 1\0\0\x02\0\0\0\x17"), Err(MessageError::Malformed));
        assert_eq!(read(b'E', b"\0\0"), Err(MessageError::Malformed));
        assert_eq!(read(b'Q', b"select 1"), Err(MessageError::Malformed));
        assert_eq!(read(b'S', b"more"), Err(MessageError::Malformed));
        assert_eq!(read(b'D', b"X\0"), Err(MessageError::Malformed));
    }

    #[test]
    fn a_long_first_value_does_not_hide_a_missing_second() {
        assert_eq!(read(b'B', b"\0\0\0\0\0\x02\0\0\0\x06abcdef\0"), Err(MessageError::Malformed));
    }

    #[test]
    fn text_that_is_not_utf8_is_told_apart() {
        assert_eq!(read(b'Q', b"select '\xff'\0"), Err(MessageError::NotUtf8));
    }

    #[test]
    fn an_unknown_type_is_named() {
        assert_eq!(read(b'?', b""), Err(MessageError::UnknownType(b'?')));
    }
}
