//! Serialized file descriptors (`google.protobuf.FileDescriptorProto`), in base64.
//!
//! Clients that have generated code know their schema in this form alone, register it so, and ask for it so
//! (`format=serialized`). What is changed of one is changed as a message of fields, so that options nobody
//! here knows stay as they are.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DynamicMessage, FileDescriptor, ReflectMessage, Value};
use protox::file::File;

use super::known_files::META_FILE;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a field of the number that Confluent's options have (1088) begins, if it holds a message.
const META_TAG: [u8; 2] = [0x82, 0x44];

/// Whether a text is a descriptor. No text of a file is base64: it has at least a space, a brace or a quote.
pub(super) fn is_serialized(text: &str) -> bool {
    let is_base64 =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let text = text.trim();
    !text.is_empty() && text.bytes().all(is_base64)
}

/// Reads a descriptor: what it declares, and the file as it is given to the compiler, under a name and with
/// the import of Confluent's options where it uses them.
///
/// # Errors
/// It is none.
pub(super) fn open(name: &str, text: &str) -> Result<(FileDescriptorProto, File), String> {
    let unreadable = || "it is neither a .proto file nor a serialized file descriptor in base64".to_owned();
    let bytes = BASE64.decode(text.trim()).map_err(|_| unreadable())?;
    let mut declared = FileDescriptorProto::decode(bytes.as_slice()).map_err(|_| unreadable())?;
    declared.source_code_info = None;
    let uses_meta = bytes.windows(META_TAG.len()).any(|window| window == META_TAG);
    let is_meta_missing = uses_meta
        && declared.package() != "confluent"
        && !declared.dependency.iter().any(|import| import == META_FILE);
    let changed = changed(&bytes, name, |imports| {
        if is_meta_missing {
            imports.push(Value::String(META_FILE.to_owned()));
        }
    });
    let changed = changed.ok_or_else(unreadable)?;
    let file = File::decode_file_descriptor_proto(changed.as_slice()).map_err(|_| unreadable())?;
    Ok((declared, file))
}

/// The descriptor of a file, with the imports it declares.
pub(super) fn text(file: &FileDescriptor, declared: &FileDescriptorProto) -> String {
    // A descriptor needs a name, and a schema has none: that of its first type tells the most.
    let first = declared.message_type.first().map(|message| message.name());
    let first = first.or_else(|| declared.enum_type.first().map(|enumeration| enumeration.name()));
    let first = first.unwrap_or("schema");
    let name = match declared.package() {
        "" => first.to_owned(),
        package => format!("{package}.{first}"),
    };
    let count = declared.dependency.len();
    let bytes = changed(&file.encode_to_vec(), &name, |imports| imports.truncate(count));
    BASE64.encode(bytes.unwrap_or_else(|| file.encode_to_vec()))
}

/// A descriptor of another name, with other imports, and without the places of what it declares.
fn changed(bytes: &[u8], name: &str, change: impl FnOnce(&mut Vec<Value>)) -> Option<Vec<u8>> {
    let descriptor = FileDescriptorProto::default().descriptor();
    let mut message = DynamicMessage::decode(descriptor, bytes).ok()?;
    message.set_field_by_name("name", Value::String(name.to_owned()));
    message.clear_field_by_name("source_code_info");
    change(message.get_field_by_name_mut("dependency")?.as_list_mut()?);
    Some(message.encode_to_vec())
}
