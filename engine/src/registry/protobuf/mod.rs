//! Protobuf schemas: `.proto` files read, written in one form, and held against each other.
//!
//! A library reads files and finds out what names mean ([`compiler`]), after [`limits`] has refused what it
//! would not survive; files that every client knows need not be given ([`known_files`]). [`print`] writes
//! descriptors as text, with their options ([`option_text`]); [`compatibility`] compares them.
//!
//! A schema may also come as a [`serialized`] descriptor, which is how some clients register what their
//! generated code holds; it is kept as the text that says the same.

mod compatibility;
mod compiler;
mod known_files;
mod limits;
mod option_text;
mod print;
mod serialized;

#[cfg(test)]
mod protobuf_tests;

use prost_reflect::FileDescriptor;

use crate::registry::compatibility::{Incompatibility, Roles};
use compiler::Compiled;
use print::Names;

/// A file with the files it imports.
#[derive(Clone, Debug)]
pub struct ProtobufSchema {
    compiled: Compiled,
}

impl ProtobufSchema {
    /// Reads a file, with the texts of the files it imports by the names it imports them by. Files of
    /// `google/protobuf` and those that Confluent's clients know need not be among them.
    ///
    /// # Errors
    /// What is wrong, and in which line: a sentence for the user.
    pub fn parse(text: &str, imports: &[(String, String)]) -> Result<ProtobufSchema, String> {
        let mut compiled = compiler::compile(text, imports)?;
        if serialized::is_serialized(text) {
            // A descriptor may hold anything: names that are none, types that nothing declares. What it says is
            // read as the text that says it.
            let text = print::text(&compiled, Names::AsWritten);
            compiled = compiler::compile(&text, imports)?;
        }
        let declared = &compiled.declared;
        let is_empty = declared.message_type.is_empty()
            && declared.enum_type.is_empty()
            && declared.extension.is_empty()
            && declared.service.is_empty()
            && declared.dependency.is_empty();
        if is_empty {
            return Err("it declares nothing".to_owned());
        }
        Ok(ProtobufSchema { compiled })
    }

    /// The file, with those it imports in its pool.
    #[must_use]
    pub fn file(&self) -> &FileDescriptor {
        &self.compiled.file
    }

    /// The text in one form, without comments.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        print::text(&self.compiled, Names::AsWritten)
    }

    /// The text with imports and fields sorted, and the names of types in full.
    #[must_use]
    pub fn normalized_text(&self) -> String {
        print::text(&self.compiled, Names::InFull)
    }

    /// The text in one form, without the extensions it declares and the options that are some.
    #[must_use]
    pub fn text_without_extensions(&self) -> String {
        print::text_without_extensions(&self.compiled)
    }

    /// The file as a serialized descriptor, in base64.
    #[must_use]
    pub fn serialized_text(&self) -> String {
        serialized::text(&self.compiled.file, &self.compiled.declared)
    }

    /// What keeps data written with another schema from being read with this one, by Confluent's rules.
    #[must_use]
    pub fn obstacles_to_reading(&self, written: &ProtobufSchema, roles: Roles) -> Vec<Incompatibility> {
        compatibility::obstacles(self.file(), written.file(), roles)
    }
}
