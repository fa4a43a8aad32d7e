//! The message of a schema that payloads are.

use prost_reflect::{FileDescriptor, MessageDescriptor};

use crate::formats::inference::NO_SUCH_RECORD;
use crate::registry::ResolvedSchema;
use crate::registry::protobuf::ProtobufSchema;

/// The file of a registered schema.
///
/// # Errors
/// What is wrong with its text, and where: a sentence for the user.
pub(super) fn file(schema: &ResolvedSchema) -> Result<FileDescriptor, String> {
    let parsed = ProtobufSchema::parse(&schema.definition.text, &schema.imports)?;
    Ok(parsed.file().clone())
}

/// The message that records of a schema are: the one of that full name, else the first.
///
/// # Errors
/// There is none.
pub(super) fn find(file: &FileDescriptor, full_name: Option<&str>) -> Result<MessageDescriptor, String> {
    match full_name {
        None => file.messages().next().ok_or_else(|| "the schema has no message".to_owned()),
        Some(name) => file
            .parent_pool()
            .get_message_by_name(name)
            .filter(|message| message.parent_file() == *file)
            .ok_or_else(|| NO_SUCH_RECORD.to_owned()),
    }
}

/// The file of a text that refers to no other.
#[cfg(test)]
pub(super) fn file_of(text: &str) -> FileDescriptor {
    ProtobufSchema::parse(text, &[]).expect("a schema").file().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_first_or_the_one_that_is_named() {
        let file = file_of(
            "syntax = \"proto3\"; import \"google/type/date.proto\"; message A { message B {} } message C {}",
        );
        let name = |full_name| find(&file, full_name).map(|message| message.full_name().to_owned());
        assert_eq!(name(None).as_deref(), Ok("A"));
        assert_eq!(name(Some("A.B")).as_deref(), Ok("A.B"));
        assert_eq!(name(Some("C")).as_deref(), Ok("C"));
        assert_eq!(name(Some("google.type.Date")), Err(NO_SUCH_RECORD.to_owned()));
        assert!(find(&file_of("syntax = \"proto3\"; enum E { P = 0; }"), None).is_err());
    }
}
