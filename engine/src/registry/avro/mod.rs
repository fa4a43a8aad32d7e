//! Avro schemas: read, written in one form, and held against each other.
//!
//! A schema is a tree of [`AvroNode`]s; records, enums and fixed types stand in a list beside it, because
//! they are referred to by name, also from within themselves. What a schema builds on is read first, into
//! the same list.

mod compatibility;
mod parser;
mod print;

#[cfg(test)]
mod avro_tests;

use serde_json::Value;

use crate::registry::compatibility::{Incompatibility, Roles};

/// Attributes that mean nothing to Avro itself, in the order they were written: logical types, and what
/// people note.
pub type Properties = Vec<(String, Value)>;

/// A schema with the named types it uses.
#[derive(Clone, PartialEq, Debug)]
pub struct AvroSchema {
    root: AvroNode,
    types: Vec<NamedType>,
}

/// A type where it is used.
#[derive(Clone, PartialEq, Debug)]
pub struct AvroNode {
    /// The type.
    pub shape: AvroShape,
    /// What else is said of it here; empty for a named type, which carries its own.
    pub properties: Properties,
}

/// A type without what else is said of it.
#[derive(Clone, PartialEq, Debug)]
pub enum AvroShape {
    /// A type without parts.
    Primitive(Primitive),
    /// A list of one type.
    Array(Box<AvroNode>),
    /// Texts to values of one type.
    Map(Box<AvroNode>),
    /// One of several types.
    Union(Vec<AvroNode>),
    /// A record, enum or fixed type: its place in the list of named types.
    Named(usize),
}

/// A type without parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`, of 32 bits
    Int,
    /// `long`, of 64 bits
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes,
    /// `string`
    String,
}

impl Primitive {
    const ALL: [Primitive; 8] = [
        Primitive::Null,
        Primitive::Boolean,
        Primitive::Int,
        Primitive::Long,
        Primitive::Float,
        Primitive::Double,
        Primitive::Bytes,
        Primitive::String,
    ];

    /// Its name in a schema.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Primitive::Null => "null",
            Primitive::Boolean => "boolean",
            Primitive::Int => "int",
            Primitive::Long => "long",
            Primitive::Float => "float",
            Primitive::Double => "double",
            Primitive::Bytes => "bytes",
            Primitive::String => "string",
        }
    }

    fn of_name(name: &str) -> Option<Primitive> {
        Primitive::ALL.into_iter().find(|primitive| primitive.name() == name)
    }
}

/// A record, enum or fixed type.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedType {
    /// Its name.
    pub name: AvroName,
    /// Other names it can be read by.
    pub aliases: Vec<AvroName>,
    /// What people say of it.
    pub doc: Option<String>,
    /// What it is.
    pub definition: NamedDefinition,
    /// What else is said of it.
    pub properties: Properties,
    /// Whether it comes from a schema this one refers to.
    pub is_imported: bool,
}

/// What a named type is.
#[derive(Clone, PartialEq, Debug)]
pub enum NamedDefinition {
    /// Fields in order.
    Record {
        /// The fields.
        fields: Vec<AvroField>,
        /// Whether it was declared as `error`, which is the same but for the word.
        is_error: bool,
    },
    /// One of some symbols.
    Enum {
        /// The symbols.
        symbols: Vec<String>,
        /// What a reader takes a symbol for that it does not know.
        default: Option<String>,
    },
    /// So many bytes.
    Fixed {
        /// How many.
        size: u64,
    },
}

/// A field of a record.
#[derive(Clone, PartialEq, Debug)]
pub struct AvroField {
    /// Its name.
    pub name: String,
    /// Other names it can be read by.
    pub aliases: Vec<String>,
    /// What people say of it.
    pub doc: Option<String>,
    /// Its type.
    pub node: AvroNode,
    /// Its value where the data has none.
    pub default: Option<Value>,
    /// How it counts in the order of records; nothing for `ascending`.
    pub order: Option<String>,
    /// What else is said of it.
    pub properties: Properties,
}

/// A full name: that of a namespace, which may be empty, and one in it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AvroName {
    /// The namespace.
    pub namespace: String,
    /// The name in it.
    pub name: String,
}

impl AvroName {
    /// A name as it is written, within a namespace that counts where it has none of its own.
    #[must_use]
    pub fn within(text: &str, namespace: &str) -> AvroName {
        match text.rsplit_once('.') {
            Some((own, name)) => AvroName { namespace: own.to_owned(), name: name.to_owned() },
            None => AvroName { namespace: namespace.to_owned(), name: text.to_owned() },
        }
    }

    /// The whole name.
    #[must_use]
    pub fn full(&self) -> String {
        if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}.{}", self.namespace, self.name)
        }
    }
}

impl AvroSchema {
    /// Reads a schema, after the schemas it builds on.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, imports: &[(String, String)]) -> Result<AvroSchema, String> {
        parser::parse(text, imports)
    }

    /// The type of the whole.
    #[must_use]
    pub fn root(&self) -> &AvroNode {
        &self.root
    }

    /// A named type by its place.
    #[must_use]
    pub fn named(&self, place: usize) -> &NamedType {
        &self.types[place]
    }

    /// The text as Avro's own libraries write it: without spaces, attributes in one order, a name's
    /// namespace left out where it is that of the type around it.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        print::canonical(self)
    }

    /// The text in one form, with the types it builds on in it; nothing where they stand too deep in each other.
    #[must_use]
    pub fn resolved_text(&self) -> Option<String> {
        print::resolved(self)
    }

    /// The text with all names in full, and everything sorted whose order means nothing.
    #[must_use]
    pub fn normalized_text(&self) -> String {
        print::normalized(self)
    }

    /// What keeps data written with another schema from being read with this one, by Avro's rules of
    /// schema resolution.
    #[must_use]
    pub fn obstacles_to_reading(&self, written: &AvroSchema, roles: Roles) -> Vec<Incompatibility> {
        compatibility::obstacles(self, written, roles)
    }
}
