//! Options in serialized descriptors: those of Protobuf itself, and Confluent's notes on fields and
//! messages (`confluent.field_meta` and its kind), which carry the precision of decimals.
//!
//! An option of anybody else is declared in a file that does not come with the descriptor; it cannot be
//! named, and is left out.

use super::file::{OptionValue, ProtoOption};
use super::wire::{self, WireValue, WireWriter};

/// What options belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    File,
    Message,
    Field,
    Enum,
    EnumValue,
    Other,
}

#[derive(Clone, Copy)]
enum Kind {
    Flag,
    Text,
    Words(&'static [(&'static str, u64)]),
}

const OPTIMIZE_FOR: Kind = Kind::Words(&[("SPEED", 1), ("CODE_SIZE", 2), ("LITE_RUNTIME", 3)]);
const CTYPE: Kind = Kind::Words(&[("STRING", 0), ("CORD", 1), ("STRING_PIECE", 2)]);
const JSTYPE: Kind = Kind::Words(&[("JS_NORMAL", 0), ("JS_STRING", 1), ("JS_NUMBER", 2)]);

/// Number of Confluent's note, the same in all kinds of options.
const META: u64 = 1088;

impl Owner {
    fn known(self) -> &'static [(u64, &'static str, Kind)] {
        match self {
            Owner::File => &[
                (1, "java_package", Kind::Text),
                (8, "java_outer_classname", Kind::Text),
                (9, "optimize_for", OPTIMIZE_FOR),
                (10, "java_multiple_files", Kind::Flag),
                (11, "go_package", Kind::Text),
                (16, "cc_generic_services", Kind::Flag),
                (17, "java_generic_services", Kind::Flag),
                (18, "py_generic_services", Kind::Flag),
                (23, "deprecated", Kind::Flag),
                (27, "java_string_check_utf8", Kind::Flag),
                (31, "cc_enable_arenas", Kind::Flag),
                (36, "objc_class_prefix", Kind::Text),
                (37, "csharp_namespace", Kind::Text),
                (39, "swift_prefix", Kind::Text),
                (40, "php_class_prefix", Kind::Text),
                (41, "php_namespace", Kind::Text),
                (44, "php_metadata_namespace", Kind::Text),
                (45, "ruby_package", Kind::Text),
            ],
            Owner::Message => &[
                (1, "message_set_wire_format", Kind::Flag),
                (2, "no_standard_descriptor_accessor", Kind::Flag),
                (3, "deprecated", Kind::Flag),
                (7, "map_entry", Kind::Flag),
            ],
            Owner::Field => &[
                (1, "ctype", CTYPE),
                (2, "packed", Kind::Flag),
                (3, "deprecated", Kind::Flag),
                (5, "lazy", Kind::Flag),
                (6, "jstype", JSTYPE),
                (10, "weak", Kind::Flag),
            ],
            Owner::Enum => &[(2, "allow_alias", Kind::Flag), (3, "deprecated", Kind::Flag)],
            Owner::EnumValue => &[(1, "deprecated", Kind::Flag)],
            Owner::Other => &[(33, "deprecated", Kind::Flag)],
        }
    }

    fn meta_name(self) -> Option<&'static str> {
        match self {
            Owner::File => Some("(confluent.file_meta)"),
            Owner::Message => Some("(confluent.message_meta)"),
            Owner::Field => Some("(confluent.field_meta)"),
            Owner::Enum => Some("(confluent.enum_meta)"),
            Owner::EnumValue => Some("(confluent.enum_value_meta)"),
            Owner::Other => None,
        }
    }
}

/// Options of a serialized descriptor.
pub(super) fn decode(owner: Owner, bytes: &[u8]) -> Result<Vec<ProtoOption>, String> {
    let mut options = Vec::new();
    for field in wire::fields(bytes) {
        let (number, value) = field?;
        if let (META, Some(name)) = (number, owner.meta_name()) {
            options.push(ProtoOption { name: name.to_owned(), value: decode_meta(value.bytes()?)? });
            continue;
        }
        let known = owner.known().iter().find(|(known, _, _)| *known == number);
        let Some((_, name, kind)) = known else { continue };
        let value = match kind {
            Kind::Flag => OptionValue::Word(value.is_true().to_string()),
            Kind::Text => OptionValue::Text(escaped(value.bytes()?)),
            Kind::Words(words) => {
                let word = words.iter().find(|(_, number)| *number == value.number());
                OptionValue::Word(
                    word.map_or_else(|| value.number().to_string(), |(word, _)| (*word).to_owned()),
                )
            }
        };
        options.push(ProtoOption { name: (*name).to_owned(), value });
    }
    Ok(options)
}

/// The note: a text (1), a map of texts (2), and tags (3).
fn decode_meta(bytes: &[u8]) -> Result<OptionValue, String> {
    let (mut doc, mut params, mut tags) = (None, Vec::new(), Vec::new());
    let text = |value: WireValue<'_>| Ok::<_, String>(OptionValue::Text(escaped(value.bytes()?)));
    for field in wire::fields(bytes) {
        match field? {
            (1, value) => doc = Some(text(value)?),
            (2, value) => {
                let mut entry = Vec::new();
                for field in wire::fields(value.bytes()?) {
                    match field? {
                        (1, value) => entry.push(("key".to_owned(), text(value)?)),
                        (2, value) => entry.push(("value".to_owned(), text(value)?)),
                        _ => {}
                    }
                }
                params.push(OptionValue::Message(entry));
            }
            (3, value) => tags.push(text(value)?),
            _ => {}
        }
    }
    let mut fields = Vec::new();
    fields.extend(doc.map(|doc| ("doc".to_owned(), doc)));
    if !params.is_empty() {
        fields.push(("params".to_owned(), OptionValue::List(params)));
    }
    if !tags.is_empty() {
        fields.push(("tags".to_owned(), OptionValue::List(tags)));
    }
    Ok(OptionValue::Message(fields))
}

/// Writes options as field `number` of a descriptor; nothing where there are none.
pub(super) fn encode(owner: Owner, options: &[ProtoOption], number: u64, writer: &mut WireWriter) {
    let mut encoded = WireWriter::default();
    for option in options {
        if owner.meta_name() == Some(option.name.as_str()) {
            encoded.message(META, |writer| encode_meta(&option.value, writer));
            continue;
        }
        let known = owner.known().iter().find(|(_, name, _)| *name == option.name);
        let Some((number, _, kind)) = known else { continue };
        match (kind, &option.value) {
            (Kind::Flag, OptionValue::Word(word)) => encoded.number(*number, u64::from(word == "true")),
            (Kind::Text, OptionValue::Text(text)) => encoded.bytes(*number, &unescaped(text)),
            (Kind::Words(words), OptionValue::Word(word)) => {
                if let Some((_, value)) = words.iter().find(|(known, _)| known == word) {
                    encoded.number(*number, *value);
                }
            }
            _ => {}
        }
    }
    if !encoded.bytes.is_empty() {
        writer.bytes(number, &encoded.bytes);
    }
}

fn encode_meta(value: &OptionValue, writer: &mut WireWriter) {
    for (name, value) in members(value) {
        match name.as_str() {
            "doc" => encode_text(1, value, writer),
            "params" => {
                for entry in several(value) {
                    writer.message(2, |writer| {
                        for (name, value) in members(entry) {
                            encode_text(if name == "key" { 1 } else { 2 }, value, writer);
                        }
                    });
                }
            }
            "tags" => several(value).iter().for_each(|tag| encode_text(3, tag, writer)),
            _ => {}
        }
    }
}

fn encode_text(number: u64, value: &OptionValue, writer: &mut WireWriter) {
    if let OptionValue::Text(text) = value {
        writer.bytes(number, &unescaped(text));
    }
}

fn members(value: &OptionValue) -> &[(String, OptionValue)] {
    match value {
        OptionValue::Message(members) => members,
        _ => &[],
    }
}

fn several(value: &OptionValue) -> &[OptionValue] {
    match value {
        OptionValue::List(values) => values,
        one => std::slice::from_ref(one),
    }
}

/// Bytes as they stand between double quotes.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                control if control.is_ascii_control() => {
                    text.push_str(&format!("\\{:03o}", u32::from(control)));
                }
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\{byte:03o}"));
        }
    }
    text
}

/// The bytes that a text between double quotes stands for.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let Some((escaped, after)) = rest.split_first() else { break };
        rest = after;
        match escaped {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'a' => bytes.push(0x07),
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0C),
            b'v' => bytes.push(0x0B),
            b'x' | b'X' => bytes.push(digits(&mut rest, 16, 2, 0)),
            digit @ b'0'..=b'7' => bytes.push(digits(&mut rest, 8, 2, u32::from(digit - b'0'))),
            other => bytes.push(*other),
        }
    }
    bytes
}

/// Reads up to so many digits, after what was read already.
fn digits(rest: &mut &[u8], radix: u32, count_max: usize, mut value: u32) -> u8 {
    for _ in 0..count_max {
        let Some(digit) = rest.first().and_then(|digit| char::from(*digit).to_digit(radix)) else { break };
        value = value * radix + digit;
        *rest = &rest[1..];
    }
    value.to_le_bytes()[0]
}
