//! Whether what was written with one Protobuf schema (the original) can be read with another (the update),
//! by the rules of Confluent's registry.
//!
//! Fields are known by their numbers: they may come, go and be renamed, unless they are required. A type
//! may change to one with the same form on the wire. A field may move into a new oneof alone, not into one
//! whose other fields it could meet. Messages that are used by their place stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ProtobufSchema;
use super::file::{Field, FieldType, Label, Message, OneOf, Scalar, TypeDeclaration};
use super::print::shown_type;
use super::scope::{Scope, joined};
use crate::registry::compatibility::{Budget, Incompatibility, Roles};

/// See [`ProtobufSchema::obstacles_to_reading`].
pub(super) fn obstacles(
    reader: &ProtobufSchema,
    writer: &ProtobufSchema,
    roles: Roles,
) -> Vec<Incompatibility> {
    let mut comparison = Comparison {
        original: writer.scope(),
        update: reader.scope(),
        roles,
        under_way: HashSet::new(),
        budget: Budget::new(),
        path: Vec::new(),
    };
    let (original, update) = (writer.file(), reader.file());
    let mut found = Vec::new();
    if original.package != update.package {
        found.push(comparison.obstacle(
            "PACKAGE_CHANGED",
            format!(
                "the package is '{}' in the {} schema and '{}' in the {} schema",
                update.package, roles.reader, original.package, roles.writer
            ),
        ));
    }
    found.extend(
        comparison.declarations((&original.types, &original.package), (&update.types, &update.package)),
    );
    found
}

struct Comparison<'f> {
    original: Scope<'f>,
    update: Scope<'f>,
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

/// What a field's type is, once its name is understood.
enum Kind<'f> {
    Scalar(Form),
    Map,
    /// A message: its full name, its package, and the message where it is declared in a file that is here.
    Message(String, Option<(&'f str, &'f Message)>),
}

impl<'f> Comparison<'f> {
    fn declarations(
        &mut self,
        (originals, original_within): (&'f [TypeDeclaration], &str),
        (updates, update_within): (&'f [TypeDeclaration], &str),
    ) -> Found {
        let mut found = Found::new();
        for original in messages(originals) {
            self.path.push(original.name.clone());
            match messages(updates).find(|update| update.name == original.name) {
                Some(update) => found.extend(self.messages(
                    (original, &joined(original_within, &original.name)),
                    (update, &joined(update_within, &update.name)),
                )),
                None => found.push(self.obstacle(
                    "MESSAGE_REMOVED",
                    format!(
                        "the {} schema does not have the message '{}' of the {} schema",
                        self.roles.reader, original.name, self.roles.writer
                    ),
                )),
            }
            self.path.pop();
        }
        found
    }

    fn messages(
        &mut self,
        (original, original_name): (&'f Message, &str),
        (update, update_name): (&'f Message, &str),
    ) -> Found {
        let pair = (original_name.to_owned(), update_name.to_owned());
        if !self.under_way.insert(pair.clone()) {
            return Found::new();
        }
        let found = if self.budget.enter() {
            let mut found = self.oneofs(original, update);
            found.extend(self.fields((original, original_name), (update, update_name)));
            found.extend(self.declarations((&original.types, original_name), (&update.types, update_name)));
            self.budget.leave();
            found
        } else {
            vec![Budget::exceeded(&self.place())]
        };
        self.under_way.remove(&pair);
        found
    }

    /// What moves into a oneof must not meet what could be set beside it before.
    fn oneofs(&mut self, original: &Message, update: &Message) -> Found {
        let mut found = Found::new();
        let alone: BTreeSet<i32> = original.fields.iter().map(|field| field.number).collect();
        let in_oneofs: BTreeSet<i32> = numbers(&original.oneofs);
        let kept: BTreeSet<i32> = update.all_fields().map(|(_, field)| field.number).collect();
        for oneof in &update.oneofs {
            self.path.push(oneof.name.clone());
            let moved = oneof.fields.iter().filter(|field| alone.contains(&field.number)).count();
            let existing = oneof.fields.iter().filter(|field| in_oneofs.contains(&field.number)).count();
            if moved > 1 {
                found.push(self.obstacle(
                    "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
                    format!(
                        "several fields of the {} schema, which could be set together, are in the oneof '{}' of the {} \
                         schema",
                        self.roles.writer, oneof.name, self.roles.reader
                    ),
                ));
            } else if moved == 1 && existing > 0 {
                found.push(self.obstacle(
                    "FIELD_MOVED_TO_EXISTING_ONEOF",
                    format!(
                        "a field of the {} schema is in the oneof '{}' of the {} schema, with others it could be set \
                         together with",
                        self.roles.writer, oneof.name, self.roles.reader
                    ),
                ));
            }
            self.path.pop();
        }
        for oneof in &original.oneofs {
            if !update.oneofs.iter().any(|other| other.name == oneof.name) {
                continue;
            }
            self.path.push(oneof.name.clone());
            for field in oneof.fields.iter().filter(|field| !kept.contains(&field.number)) {
                found.push(self.obstacle(
                    "ONEOF_FIELD_REMOVED",
                    format!(
                        "the {} schema does not have the field '{}' (number {}) of the oneof '{}' of the {} schema",
                        self.roles.reader, field.name, field.number, oneof.name, self.roles.writer
                    ),
                ));
            }
            self.path.pop();
        }
        found
    }

    fn fields(
        &mut self,
        (original, original_name): (&'f Message, &str),
        (update, update_name): (&'f Message, &str),
    ) -> Found {
        let by_number = |message: &'f Message| -> BTreeMap<i32, &'f Field> {
            message.all_fields().map(|(_, field)| (field.number, field)).collect()
        };
        let (originals, updates) = (by_number(original), by_number(update));
        let all: BTreeSet<i32> = originals.keys().chain(updates.keys()).copied().collect();
        let mut found = Found::new();
        for number in all {
            self.path.push(number.to_string());
            match (originals.get(&number), updates.get(&number)) {
                (Some(original), Some(update)) => {
                    found.extend(self.labels((original, original_name), (update, update_name)));
                    found.extend(
                        self.types((&original.field_type, original_name), (&update.field_type, update_name)),
                    );
                }
                (Some(original), None) if original.label == Some(Label::Required) => {
                    found.push(self.obstacle(
                        "REQUIRED_FIELD_REMOVED",
                        format!(
                            "the {} schema does not have the required field '{}' of the {} schema",
                            self.roles.reader, original.name, self.roles.writer
                        ),
                    ));
                }
                (None, Some(update)) if update.label == Some(Label::Required) => {
                    found.push(self.obstacle(
                        "REQUIRED_FIELD_ADDED",
                        format!(
                            "the {} schema has the required field '{}', which the {} schema does not have",
                            self.roles.reader, update.name, self.roles.writer
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
    fn labels(
        &self,
        (original, original_within): (&Field, &str),
        (update, update_within): (&Field, &str),
    ) -> Option<Incompatibility> {
        let is_repeated = |field: &Field| field.label == Some(Label::Repeated);
        let is_number = |field: &Field, within: &str, scope: &Scope<'f>| {
            let kind = kind(&field.field_type, within, scope);
            matches!(kind, Kind::Scalar(form) if form != Form::Text)
        };
        if is_repeated(original) == is_repeated(update)
            || !is_number(original, original_within, &self.original)
            || !is_number(update, update_within, &self.update)
        {
            return None;
        }
        Some(self.obstacle(
            "FIELD_NUMERIC_LABEL_CHANGED",
            format!("the field '{}' is repeated in one of the schemas and not in the other", update.name),
        ))
    }

    fn types(
        &mut self,
        (original, original_within): (&'f FieldType, &str),
        (update, update_within): (&'f FieldType, &str),
    ) -> Found {
        let original_kind = kind(original, original_within, &self.original);
        let update_kind = kind(update, update_within, &self.update);
        match (original_kind, update_kind) {
            (Kind::Scalar(from), Kind::Scalar(to)) if from == to => Found::new(),
            (Kind::Scalar(_), Kind::Scalar(_)) => {
                vec![self.type_changed("FIELD_SCALAR_KIND_CHANGED", original, update)]
            }
            (Kind::Map, Kind::Map) => {
                let (FieldType::Map(original_key, original_value), FieldType::Map(update_key, update_value)) =
                    (original, update)
                else {
                    return Found::new();
                };
                let mut found = Found::new();
                if form(*original_key) != form(*update_key) {
                    found.push(self.type_changed("FIELD_SCALAR_KIND_CHANGED", original, update));
                }
                found.extend(self.types((original_value, original_within), (update_value, update_within)));
                found
            }
            (Kind::Message(from, original_found), Kind::Message(to, update_found)) => {
                let local = |full: &str, package: Option<&str>| match package {
                    Some(package) if !package.is_empty() => {
                        full.strip_prefix(package).unwrap_or(full).trim_start_matches('.').to_owned()
                    }
                    _ => full.to_owned(),
                };
                let from_local = local(&from, original_found.map(|(package, _)| package));
                let to_local = local(&to, update_found.map(|(package, _)| package));
                if from_local != to_local {
                    return vec![self.type_changed("FIELD_NAMED_TYPE_CHANGED", original, update)];
                }
                match (original_found, update_found) {
                    (Some((_, original)), Some((_, update))) => {
                        self.messages((original, &from), (update, &to))
                    }
                    _ => Found::new(),
                }
            }
            _ => vec![self.type_changed("FIELD_KIND_CHANGED", original, update)],
        }
    }

    fn type_changed(&self, code: &'static str, original: &FieldType, update: &FieldType) -> Incompatibility {
        self.obstacle(
            code,
            format!(
                "the type is {} in the {} schema and {} in the {} schema, which is not the same on the wire",
                shown_type(update),
                self.roles.reader,
                shown_type(original),
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

fn messages(declarations: &[TypeDeclaration]) -> impl Iterator<Item = &Message> {
    declarations.iter().filter_map(|declaration| match declaration {
        TypeDeclaration::Message(message) => Some(message),
        TypeDeclaration::Enum(_) => None,
    })
}

fn numbers(oneofs: &[OneOf]) -> BTreeSet<i32> {
    oneofs.iter().flat_map(|oneof| &oneof.fields).map(|field| field.number).collect()
}

fn kind<'f>(field_type: &FieldType, within: &str, scope: &Scope<'f>) -> Kind<'f> {
    match field_type {
        FieldType::Scalar(scalar) => Kind::Scalar(form(*scalar)),
        FieldType::Map(..) => Kind::Map,
        FieldType::Named(name) => match scope.find(name, within) {
            None => Kind::Message(name.trim_start_matches('.').to_owned(), None),
            Some((full, found)) => match found.declaration {
                // An enum's numbers are written as other numbers are.
                TypeDeclaration::Enum(_) => Kind::Scalar(Form::Varint),
                TypeDeclaration::Message(message) => {
                    Kind::Message(full.to_owned(), Some((found.package, message)))
                }
            },
        },
    }
}

fn form(scalar: Scalar) -> Form {
    match scalar {
        Scalar::Int32 | Scalar::Int64 | Scalar::UInt32 | Scalar::UInt64 | Scalar::Bool => Form::Varint,
        Scalar::SInt32 | Scalar::SInt64 => Form::ZigZag,
        Scalar::Text | Scalar::Bytes => Form::Text,
        Scalar::Fixed32 | Scalar::SFixed32 => Form::Fixed32,
        Scalar::Fixed64 | Scalar::SFixed64 => Form::Fixed64,
        Scalar::Float => Form::Float,
        Scalar::Double => Form::Double,
    }
}
