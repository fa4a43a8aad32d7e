//! What must hold of declarations beyond how they are written.

use std::collections::HashSet;

use super::file::{Enumeration, Message, Reserved, TypeDeclaration};

/// Checks that no two fields of a message have one name or number, and that none is reserved.
pub(super) fn check_message(message: &Message) -> Result<(), String> {
    let (mut names, mut numbers) = (HashSet::new(), HashSet::new());
    for (_, field) in message.all_fields() {
        if !names.insert(&field.name) {
            return Err(format!("the message '{}' has the field '{}' twice", message.name, field.name));
        }
        if !numbers.insert(field.number) {
            return Err(format!(
                "the message '{}' has the field number {} twice",
                message.name, field.number
            ));
        }
        let is_reserved = message.reserved.iter().any(|reserved| match reserved {
            Reserved::Name(name) => *name == field.name,
            Reserved::Range(range) => {
                range.start <= field.number && range.end.is_none_or(|end| field.number <= end)
            }
        });
        if is_reserved {
            return Err(format!(
                "the message '{}' uses the name or number of the field '{}' and reserves it",
                message.name, field.name
            ));
        }
    }
    check_types(&message.types, &message.name)
}

/// Checks that no two types have one name.
pub(super) fn check_types(types: &[TypeDeclaration], owner: &str) -> Result<(), String> {
    let mut names = HashSet::new();
    match types.iter().find(|declaration| !names.insert(declaration.name())) {
        Some(twice) => Err(format!("'{owner}' declares '{}' twice", twice.name())),
        None => Ok(()),
    }
}

/// Checks that an enum has values, no two of one name.
pub(super) fn check_enumeration(enumeration: &Enumeration) -> Result<(), String> {
    if enumeration.values.is_empty() {
        return Err(format!("the enum '{}' has no values", enumeration.name));
    }
    let mut names = HashSet::new();
    match enumeration.values.iter().find(|value| !names.insert(&value.name)) {
        Some(twice) => Err(format!("the enum '{}' has the value '{}' twice", enumeration.name, twice.name)),
        None => Ok(()),
    }
}
