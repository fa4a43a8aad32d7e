//! Whether what was written with one Protobuf schema (the original) can be read with another (the update),
//! by the rules of Confluent's registry.
//!
//! Fields are known by their numbers: they may come, go and be renamed, unless they are required. A type
//! may change to one with the same form on the wire. A field may move into a new oneof alone, not into one
//! whose other fields it could meet. Messages that are used by their place stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use prost_reflect::{Cardinality, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use crate::registry::compatibility::{Budget, Incompatibility, Roles};

/// See [`ProtobufSchema::obstacles_to_reading`](super::ProtobufSchema::obstacles_to_reading).
pub(super) fn obstacles(
    reader: &FileDescriptor,
    writer: &FileDescriptor,
    roles: Roles,
) -> Vec<Incompatibility> {
    let mut comparison =
        Comparison { roles, under_way: HashSet::new(), budget: Budget::new(), path: Vec::new() };
    let mut found = Vec::new();
    if writer.package_name() != reader.package_name() {
        found.push(comparison.obstacle(
            "PACKAGE_CHANGED",
            format!(
                "the package is '{}' in the {} schema and '{}' in the {} schema",
                reader.package_name(),
                roles.reader,
                writer.package_name(),
                roles.writer
            ),
        ));
    }
    found.extend(comparison.declarations(declared(writer.messages()), declared(reader.messages())));
    found
}

struct Comparison {
    roles: Roles,
    /// Full names of pairs of messages that are being compared further up: taken to fit.
    under_way: HashSet<(String, String)>,
    budget: Budget,
    path: Vec<String>,
}

type Found = Vec<Incompatibility>;

/// What of a type is the same on the wire.
#[derive(PartialEq, Eq)]
enum Form {
    Varint,
    ZigZag,
    Text,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

/// What a field holds, once its name is understood.
enum Held {
    Scalar(Form),
    /// The key and the value of its entries.
    Map(FieldDescriptor, FieldDescriptor),
    Message(MessageDescriptor),
    /// A message that begins and ends with marks.
    Group(MessageDescriptor),
}

impl Comparison {
    fn declarations(
        &mut self,
        originals: impl Iterator<Item = MessageDescriptor>,
        updates: impl Iterator<Item = MessageDescriptor>,
    ) -> Found {
        let updates: BTreeMap<String, MessageDescriptor> =
            updates.map(|update| (update.name().to_owned(), update)).collect();
        let mut found = Found::new();
        for original in originals {
            self.path.push(original.name().to_owned());
            match updates.get(original.name()) {
                Some(update) => found.extend(self.messages(&original, update)),
                None => found.push(self.obstacle(
                    "MESSAGE_REMOVED",
                    format!(
                        "the {} schema does not have the message '{}' of the {} schema",
                        self.roles.reader,
                        original.name(),
                        self.roles.writer
                    ),
                )),
            }
            self.path.pop();
        }
        found
    }

    fn messages(&mut self, original: &MessageDescriptor, update: &MessageDescriptor) -> Found {
        let pair = (original.full_name().to_owned(), update.full_name().to_owned());
        if !self.under_way.insert(pair.clone()) {
            return Found::new();
        }
        let found = if self.budget.enter() {
            let mut found = self.oneofs(original, update);
            found.extend(self.fields(original, update));
            let (originals, updates) = (original.child_messages(), update.child_messages());
            found.extend(self.declarations(declared(originals), declared(updates)));
            self.budget.leave();
            found
        } else {
            vec![Budget::exceeded(&self.place())]
        };
        self.under_way.remove(&pair);
        found
    }

    /// What moves into a oneof must not meet what could be set beside it before.
    fn oneofs(&mut self, original: &MessageDescriptor, update: &MessageDescriptor) -> Found {
        let mut found = Found::new();
        let in_oneofs: BTreeSet<u32> =
            oneofs(original).flat_map(|oneof| numbers(&oneof).collect::<Vec<_>>()).collect();
        let all: BTreeSet<u32> = original.fields().map(|field| field.number()).collect();
        let alone = |number: &u32| all.contains(number) && !in_oneofs.contains(number);
        for oneof in oneofs(update) {
            self.path.push(oneof.name().to_owned());
            let moved = numbers(&oneof).filter(alone).count();
            let existing = numbers(&oneof).filter(|number| in_oneofs.contains(number)).count();
            if moved > 1 {
                found.push(self.obstacle(
                    "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
                    format!(
                        "several fields of the {} schema, which could be set together, are in the oneof '{}' of the {} \
                         schema",
                        self.roles.writer,
                        oneof.name(),
                        self.roles.reader
                    ),
                ));
            } else if moved == 1 && existing > 0 {
                found.push(self.obstacle(
                    "FIELD_MOVED_TO_EXISTING_ONEOF",
                    format!(
                        "a field of the {} schema is in the oneof '{}' of the {} schema, with others it could be set \
                         together with",
                        self.roles.writer,
                        oneof.name(),
                        self.roles.reader
                    ),
                ));
            }
            self.path.pop();
        }
        let kept: HashSet<String> = oneofs(update).map(|oneof| oneof.name().to_owned()).collect();
        for oneof in oneofs(original).filter(|oneof| kept.contains(oneof.name())) {
            self.path.push(oneof.name().to_owned());
            for field in oneof.fields().filter(|field| update.get_field(field.number()).is_none()) {
                found.push(self.obstacle(
                    "ONEOF_FIELD_REMOVED",
                    format!(
                        "the {} schema does not have the field '{}' (number {}) of the oneof '{}' of the {} schema",
                        self.roles.reader,
                        field.name(),
                        field.number(),
                        oneof.name(),
                        self.roles.writer
                    ),
                ));
            }
            self.path.pop();
        }
        found
    }

    fn fields(&mut self, original: &MessageDescriptor, update: &MessageDescriptor) -> Found {
        let numbers = |message: &MessageDescriptor| -> BTreeSet<u32> {
            message.fields().map(|field| field.number()).collect()
        };
        let mut found = Found::new();
        for number in numbers(original).union(&numbers(update)) {
            self.path.push(number.to_string());
            match (original.get_field(*number), update.get_field(*number)) {
                (Some(original), Some(update)) => {
                    found.extend(self.labels(&original, &update));
                    found.extend(self.types(&original, &update));
                }
                (Some(original), None) if original.is_required() => {
                    found.push(self.obstacle(
                        "REQUIRED_FIELD_REMOVED",
                        format!(
                            "the {} schema does not have the required field '{}' of the {} schema",
                            self.roles.reader,
                            original.name(),
                            self.roles.writer
                        ),
                    ));
                }
                (None, Some(update)) if update.is_required() => {
                    found.push(self.obstacle(
                        "REQUIRED_FIELD_ADDED",
                        format!(
                            "the {} schema has the required field '{}', which the {} schema does not have",
                            self.roles.reader,
                            update.name(),
                            self.roles.writer
                        ),
                    ));
                }
                _ => {}
            }
            self.path.pop();
        }
        found
    }

    /// One value and many are the same on the wire, except for numbers, of which many are packed.
    fn labels(&self, original: &FieldDescriptor, update: &FieldDescriptor) -> Option<Incompatibility> {
        let is_repeated = |field: &FieldDescriptor| field.cardinality() == Cardinality::Repeated;
        let is_number =
            |field: &FieldDescriptor| matches!(held(field), Held::Scalar(form) if form != Form::Text);
        if is_repeated(original) == is_repeated(update) || !is_number(original) || !is_number(update) {
            return None;
        }
        Some(self.obstacle(
            "FIELD_NUMERIC_LABEL_CHANGED",
            format!("the field '{}' is repeated in one of the schemas and not in the other", update.name()),
        ))
    }

    fn types(&mut self, original: &FieldDescriptor, update: &FieldDescriptor) -> Found {
        match (held(original), held(update)) {
            (Held::Scalar(from), Held::Scalar(to)) if from == to => Found::new(),
            (Held::Scalar(_), Held::Scalar(_)) => {
                vec![self.type_changed("FIELD_SCALAR_KIND_CHANGED", original, update)]
            }
            (Held::Map(original_key, original_value), Held::Map(update_key, update_value)) => {
                let mut found = self.types(&original_key, &update_key);
                found.extend(self.types(&original_value, &update_value));
                found
            }
            (Held::Message(from), Held::Message(to)) | (Held::Group(from), Held::Group(to)) => {
                if name_in_package(&from) == name_in_package(&to) {
                    self.messages(&from, &to)
                } else {
                    vec![self.type_changed("FIELD_NAMED_TYPE_CHANGED", original, update)]
                }
            }
            _ => vec![self.type_changed("FIELD_KIND_CHANGED", original, update)],
        }
    }

    fn type_changed(
        &self,
        code: &'static str,
        original: &FieldDescriptor,
        update: &FieldDescriptor,
    ) -> Incompatibility {
        self.obstacle(
            code,
            format!(
                "the type is {} in the {} schema and {} in the {} schema, which is not the same on the wire",
                type_name(update),
                self.roles.reader,
                type_name(original),
                self.roles.writer
            ),
        )
    }

    fn obstacle(&self, code: &'static str, what: String) -> Incompatibility {
        Incompatibility { code, description: format!("{what} (at '{}')", self.place()) }
    }

    fn place(&self) -> String {
        format!("#/{}", self.path.join("/"))
    }
}

/// Without those that a compiler has made of maps.
fn declared(messages: impl Iterator<Item = MessageDescriptor>) -> impl Iterator<Item = MessageDescriptor> {
    messages.filter(|message| !message.is_map_entry())
}

/// Without those that a compiler has made of optional fields.
fn oneofs(message: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> {
    message.oneofs().filter(|oneof| !oneof.is_synthetic())
}

fn numbers(oneof: &OneofDescriptor) -> impl Iterator<Item = u32> {
    oneof.fields().map(|field| field.number())
}

fn name_in_package(message: &MessageDescriptor) -> &str {
    let name = message.full_name();
    name.strip_prefix(message.package_name()).unwrap_or(name).trim_start_matches('.')
}

fn held(field: &FieldDescriptor) -> Held {
    let form = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            return Held::Map(entry.map_entry_key_field(), entry.map_entry_value_field());
        }
        Kind::Message(message) if field.is_group() => return Held::Group(message),
        Kind::Message(message) => return Held::Message(message),
        // An enum's numbers are written as other numbers are.
        Kind::Enum(_) | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool => Form::Varint,
        Kind::Sint32 | Kind::Sint64 => Form::ZigZag,
        Kind::String | Kind::Bytes => Form::Text,
        Kind::Fixed32 | Kind::Sfixed32 => Form::Fixed32,
        Kind::Fixed64 | Kind::Sfixed64 => Form::Fixed64,
        Kind::Float => Form::Float,
        Kind::Double => Form::Double,
    };
    Held::Scalar(form)
}

/// The type of a field as people call it.
fn type_name(field: &FieldDescriptor) -> String {
    let name = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            return format!("map<{}, {}>", type_name(&key), type_name(&value));
        }
        Kind::Message(message) => return message.full_name().to_owned(),
        Kind::Enum(enumeration) => return enumeration.full_name().to_owned(),
        Kind::Double => "double",
        Kind::Float => "float",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::Sint32 => "sint32",
        Kind::Sint64 => "sint64",
        Kind::Fixed32 => "fixed32",
        Kind::Fixed64 => "fixed64",
        Kind::Sfixed32 => "sfixed32",
        Kind::Sfixed64 => "sfixed64",
        Kind::Bool => "bool",
        Kind::String => "string",
        Kind::Bytes => "bytes",
    };
    name.to_owned()
}
