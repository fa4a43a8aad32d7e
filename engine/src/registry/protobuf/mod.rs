//! Protobuf schemas: `.proto` files read, written in one form, and held against each other.
//!
//! A file is kept as it is declared ([`file`]); which type a name means is found where it is asked for
//! ([`scope`]). A schema may also come as a serialized file descriptor in base 64, which is how some
//! clients register what their generated code holds; it is kept as the text that says the same
//! (`descriptor`).

mod checks;
mod compatibility;
mod descriptor;
pub mod file;
mod lexer;
mod options;
mod parser;
mod print;
pub mod scope;
mod wire;

#[cfg(test)]
mod protobuf_tests;

use crate::registry::compatibility::{Incompatibility, Roles};
use file::ProtoFile;
use scope::Scope;

/// A file with the files it imports.
#[derive(Clone, PartialEq, Debug)]
pub struct ProtobufSchema {
    file: ProtoFile,
    imports: Vec<(String, ProtoFile)>,
}

impl ProtobufSchema {
    /// Reads a file, with the files it builds on.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(text: &str, imports: &[(String, String)]) -> Result<ProtobufSchema, String> {
        let mut files = Vec::with_capacity(imports.len());
        for (path, text) in imports {
            let file = read(text).map_err(|error| format!("in the import '{path}': {error}"))?;
            files.push((path.clone(), file));
        }
        let schema = ProtobufSchema { file: read(text)?, imports: files };
        if schema.file == ProtoFile::default() {
            return Err("it declares nothing".to_owned());
        }
        schema.scope().check()?;
        Ok(schema)
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &ProtoFile {
        &self.file
    }

    /// The files it imports, directly or not, by their paths.
    #[must_use]
    pub fn imports(&self) -> &[(String, ProtoFile)] {
        &self.imports
    }

    /// The types that names in the file may mean.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope::new(&self.file, &self.imports)
    }

    /// The text in one form, without comments.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        print::canonical(&self.file)
    }

    /// The text with imports and options sorted, and the names of types in full.
    #[must_use]
    pub fn normalized_text(&self) -> String {
        print::canonical(&self.scope().normalized())
    }

    /// The file as a serialized descriptor, in base 64.
    #[must_use]
    pub fn serialized_text(&self) -> String {
        descriptor::encode(self)
    }

    /// What keeps data written with another schema from being read with this one, by Confluent's rules.
    #[must_use]
    pub fn obstacles_to_reading(&self, written: &ProtobufSchema, roles: Roles) -> Vec<Incompatibility> {
        compatibility::obstacles(self, written, roles)
    }
}

/// Reads a file in either form. No text of a file is base 64: it has at least a space, a brace or a quote.
///
/// A descriptor is read once more as the text it becomes, because it may hold anything: names that are none,
/// numbers that are taken.
fn read(text: &str) -> Result<ProtoFile, String> {
    let text = text.trim();
    let is_base64 =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    if !text.is_empty() && text.bytes().all(is_base64) {
        return parser::parse(&print::canonical(&descriptor::decode(text)?));
    }
    parser::parse(text)
}
