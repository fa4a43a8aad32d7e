//! Messages as text, to be read by people and compared.

use std::fmt::Display;

use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use super::columns_of_schema::map_entry;
use super::root_message;
use crate::error::{Error, ErrorKind, Result};
use crate::registry::protobuf::ProtobufSchema;

/// The texts of the messages of one schema, in Protobuf's text format. Equal messages have equal texts:
/// entries of a MAP, which have no order, stand in the order of theirs.
#[derive(Clone, Debug)]
pub struct MessageTexts {
    message: MessageDescriptor,
}

impl MessageTexts {
    /// Texts of the first message that a schema declares.
    ///
    /// # Errors
    /// `Invalid`: the schema is none, or declares no message.
    pub fn new(schema: &str) -> Result<MessageTexts> {
        let schema = ProtobufSchema::parse(schema, &[]).map_err(invalid)?;
        Ok(MessageTexts { message: root_message::find(schema.file(), None).map_err(invalid)? })
    }

    /// The text of a message.
    ///
    /// # Errors
    /// `Invalid`: the bytes are no message of the schema.
    pub fn of_bytes(&self, bytes: &[u8]) -> Result<String> {
        Ok(text(DynamicMessage::decode(self.message.clone(), bytes).map_err(invalid)?))
    }

    /// The text of a message that somebody has written down.
    ///
    /// # Errors
    /// `Invalid`: it is no message of the schema.
    pub fn of_text(&self, written: &str) -> Result<String> {
        let message = DynamicMessage::parse_text_format(self.message.clone(), written);
        Ok(text(message.map_err(invalid)?))
    }
}

fn text(mut message: DynamicMessage) -> String {
    order_entries(&mut message);
    message.to_text_format_with_options(&FormatOptions::new().pretty(true))
}

/// Brings the entries of all MAPs into the order of their texts, inner ones first.
fn order_entries(message: &mut DynamicMessage) {
    for (field, value) in message.fields_mut() {
        match value {
            Value::Message(inner) => order_entries(inner),
            Value::List(items) => {
                for item in items.iter_mut() {
                    if let Value::Message(inner) = item {
                        order_entries(inner);
                    }
                }
                if map_entry(&field).is_some() {
                    items.sort_by_cached_key(ToString::to_string);
                }
            }
            _ => {}
        }
    }
}

fn invalid(reason: impl Display) -> Error {
    Error::new(ErrorKind::Invalid, reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = "syntax = \"proto3\"; message M { int64 id = 1; repeated MEntry m = 2; \
                          message MEntry { string key = 1; int32 value = 2; } }";

    #[test]
    fn a_message_has_one_text_whatever_order_its_entries_have() {
        let texts = MessageTexts::new(SCHEMA).expect("a schema");
        let expected = "id: 7\nm: [{\n  key: \"a\"\n  value: 1\n}, {\n  key: \"b\"\n}]";
        let [a, b]: [&[u8]; 2] = [&[0x12, 5, 0x0a, 1, b'a', 0x10, 1], &[0x12, 3, 0x0a, 1, b'b']];
        for entries in [[a, b], [b, a]] {
            let bytes = [&[0x08, 7], entries[0], entries[1]].concat();
            assert_eq!(texts.of_bytes(&bytes).expect("a message"), expected);
        }
        let written = "m { value: 0 key: \"b\" } m { key: \"a\" value: 1 } id: 7";
        assert_eq!(texts.of_text(written).expect("a message"), expected);
    }

    #[test]
    fn what_is_no_message_of_the_schema_is_told() {
        let texts = MessageTexts::new(SCHEMA).expect("a schema");
        assert!(texts.of_bytes(&[0x08]).is_err());
        assert!(texts.of_text("other: 1").is_err());
        assert!(MessageTexts::new("syntax = \"proto3\";").is_err());
    }
}
