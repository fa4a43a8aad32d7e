//! Which type a name in a `.proto` file means.
//!
//! A name is looked for in the message it stands in, then in what that is declared in, and so on out to the
//! package and its outer packages; one that begins with a point is a full name. Files that come with
//! Protobuf itself need not be given: their types are known to be somewhere.

use std::collections::BTreeMap;

use super::checks;
use super::file::{FieldType, Import, Message, ProtoFile, ProtoOption, TypeDeclaration};

/// Folders of files that every client brings with it.
const KNOWN_FOLDERS: [&str; 3] = ["google/protobuf/", "google/type/", "confluent/"];

/// Packages of the types in those files.
const KNOWN_PACKAGES: [&str; 3] = ["google.protobuf.", "google.type.", "confluent."];

/// A type that a name means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Found<'f> {
    /// The package it is declared in.
    pub package: &'f str,
    /// What it is.
    pub declaration: &'f TypeDeclaration,
}

/// The types of a file and of those it imports, by their full names without a point in front.
#[derive(Clone, Debug)]
pub struct Scope<'f> {
    file: &'f ProtoFile,
    imports: &'f [(String, ProtoFile)],
    types: BTreeMap<String, Found<'f>>,
}

impl<'f> Scope<'f> {
    /// Of a file with the files it imports.
    #[must_use]
    pub fn new(file: &'f ProtoFile, imports: &'f [(String, ProtoFile)]) -> Scope<'f> {
        let mut types = BTreeMap::new();
        for file in imports.iter().map(|(_, file)| file).chain([file]) {
            collect(&file.package, &file.package, &file.types, &mut types);
        }
        Scope { file, imports, types }
    }

    /// The full name of the type that a name means within a message or package, and the type. Types of the
    /// files that come with Protobuf are not found.
    #[must_use]
    pub fn find(&self, name: &str, within: &str) -> Option<(&str, Found<'f>)> {
        if let Some(full) = name.strip_prefix('.') {
            return self.types.get_key_value(full).map(|(full, found)| (full.as_str(), *found));
        }
        let mut outer = Some(within).filter(|within| !within.is_empty());
        while let Some(prefix) = outer {
            if let Some((full, found)) = self.types.get_key_value(&format!("{prefix}.{name}")) {
                return Some((full, *found));
            }
            outer = prefix.rsplit_once('.').map(|(prefix, _)| prefix);
        }
        self.types.get_key_value(name).map(|(full, found)| (full.as_str(), *found))
    }

    /// Checks that every import is there, and that every name of a type means one.
    pub(super) fn check(&self) -> Result<(), String> {
        checks::check_types(&self.file.types, "the file")?;
        let is_given = |import: &Import| self.imports.iter().any(|(path, _)| *path == import.path);
        let is_known = |import: &Import| KNOWN_FOLDERS.iter().any(|folder| import.path.starts_with(folder));
        let missing = self.file.imports.iter().find(|import| !is_given(import) && !is_known(import));
        if let Some(missing) = missing {
            return Err(format!(
                "it imports '{}', and there is no reference of that name: give the subject and version it is in",
                missing.path
            ));
        }
        for declaration in &self.file.types {
            self.check_declaration(declaration, &self.file.package)?;
        }
        Ok(())
    }

    fn check_declaration(&self, declaration: &TypeDeclaration, within: &str) -> Result<(), String> {
        let TypeDeclaration::Message(message) = declaration else { return Ok(()) };
        let full = joined(within, &message.name);
        for (_, field) in message.all_fields() {
            let mut field_type = &field.field_type;
            if let FieldType::Map(_, value) = field_type {
                field_type = value;
            }
            let FieldType::Named(name) = field_type else { continue };
            if self.find(name, &full).is_none() && !is_of_known_file(name) {
                return Err(format!(
                    "the field '{}' of the message '{}' has the type '{name}', which is not declared",
                    field.name, message.name
                ));
            }
        }
        message.types.iter().try_for_each(|declaration| self.check_declaration(declaration, &full))
    }

    /// The file with names in full, and everything sorted whose order means nothing.
    pub(super) fn normalized(&self) -> ProtoFile {
        let mut file = self.file.clone();
        file.imports.sort();
        file.imports.dedup();
        sort(&mut file.options);
        for declaration in &mut file.types {
            self.normalize(declaration, &self.file.package);
        }
        file
    }

    fn normalize(&self, declaration: &mut TypeDeclaration, within: &str) {
        match declaration {
            TypeDeclaration::Enum(enumeration) => {
                sort(&mut enumeration.options);
                enumeration.values.iter_mut().for_each(|value| sort(&mut value.options));
            }
            TypeDeclaration::Message(message) => self.normalize_message(message, within),
        }
    }

    fn normalize_message(&self, message: &mut Message, within: &str) {
        let full = joined(within, &message.name);
        sort(&mut message.options);
        message.fields.sort_by_key(|field| field.number);
        for oneof in &mut message.oneofs {
            sort(&mut oneof.options);
            oneof.fields.sort_by_key(|field| field.number);
        }
        let in_oneofs = message.oneofs.iter_mut().flat_map(|oneof| &mut oneof.fields);
        for field in message.fields.iter_mut().chain(in_oneofs) {
            sort(&mut field.options);
            let field_type = match &mut field.field_type {
                FieldType::Map(_, value) => value.as_mut(),
                other => other,
            };
            if let FieldType::Named(name) = field_type {
                *name = self.in_full(name, &full);
            }
        }
        for declaration in &mut message.types {
            self.normalize(declaration, &full);
        }
    }

    /// A name as a full one, with the point in front that says so.
    pub(super) fn in_full(&self, name: &str, within: &str) -> String {
        match self.find(name, within) {
            Some((full, _)) => format!(".{full}"),
            None if name.starts_with('.') => name.to_owned(),
            None => format!(".{name}"),
        }
    }
}

/// A name in a package or message.
pub(super) fn joined(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}

fn is_of_known_file(name: &str) -> bool {
    let name = name.strip_prefix('.').unwrap_or(name);
    KNOWN_PACKAGES.iter().any(|package| name.starts_with(package))
}

fn collect<'f>(
    package: &'f str,
    within: &str,
    declarations: &'f [TypeDeclaration],
    types: &mut BTreeMap<String, Found<'f>>,
) {
    for declaration in declarations {
        let full = joined(within, declaration.name());
        if let TypeDeclaration::Message(message) = declaration {
            collect(package, &full, &message.types, types);
        }
        types.insert(full, Found { package, declaration });
    }
}

fn sort(options: &mut [ProtoOption]) {
    options.sort_by(|left, right| left.name.cmp(&right.name));
}
