//! An Avro schema as payloads are read and written by it: its types in one list, each known by its place
//! there, so that named types are shared and may contain themselves.

use super::lowering;
use crate::registry::ResolvedSchema;

/// A type's place among those of its schema.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TypeId(pub(super) usize);

/// A schema.
#[derive(Clone, Debug)]
pub(super) struct AvroSchema {
    types: Vec<AvroType>,
    root: TypeId,
}

/// A type of a schema.
#[derive(Clone, Debug)]
pub(super) struct AvroType {
    pub(super) kind: Kind,
    pub(super) logical: Option<Logical>,
    /// The name without its namespace, of a record, an enum or a fixed.
    pub(super) name: Option<String>,
}

/// What values of a type are.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed {
        bytes: usize,
    },
    Enum {
        symbols: Vec<String>,
    },
    Array {
        items: TypeId,
    },
    Map {
        values: TypeId,
    },
    Record {
        fields: Vec<RecordField>,
        /// The record is an entry of a map that is written as an array of its entries.
        map_entry: bool,
    },
    Union {
        branches: Vec<TypeId>,
    },
}

/// A field of a record.
#[derive(Clone, Debug)]
pub(super) struct RecordField {
    pub(super) name: String,
    pub(super) data_type: TypeId,
    pub(super) default: Option<serde_json::Value>,
}

/// The fields of a record that may be an entry of a map.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryFields {
    pub(super) key: TypeId,
    pub(super) value: TypeId,
    /// Whether the key stands in front of the value.
    pub(super) key_first: bool,
}

/// What the values of a type mean beyond their kind, as far as SQL has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Logical {
    Decimal {
        precision: u64,
        scale: u64,
    },
    Date,
    /// Milliseconds of the day.
    Time,
    /// Milliseconds since 1970.
    Timestamp,
}

impl AvroSchema {
    /// Parses a schema and those it refers to.
    ///
    /// # Errors
    /// A sentence for people: what is wrong with the text.
    pub(super) fn parse(schema: &ResolvedSchema) -> Result<AvroSchema, String> {
        lowering::parse(schema)
    }

    pub(super) fn of(types: Vec<AvroType>, root: TypeId) -> AvroSchema {
        AvroSchema { types, root }
    }

    /// The type of whole payloads.
    pub(super) fn root(&self) -> TypeId {
        self.root
    }

    /// A type by its place.
    pub(super) fn get(&self, id: TypeId) -> &AvroType {
        self.types.get(id.0).expect("places are handed out by the parser alone")
    }

    /// The only branch of a union besides null, or of a union of one; `None` for other types.
    pub(super) fn only_branch(&self, id: TypeId) -> Option<TypeId> {
        let Kind::Union { branches } = &self.get(id).kind else { return None };
        let mut values = branches.iter().filter(|branch| !matches!(self.get(**branch).kind, Kind::Null));
        let first = values.next()?;
        values.next().is_none().then_some(*first)
    }

    /// A type, or where it is a union of it with null, the type itself.
    pub(super) fn non_null(&self, id: TypeId) -> TypeId {
        self.only_branch(id).unwrap_or(id)
    }

    /// Key and value of a record that may be an entry of a map.
    pub(super) fn entry_fields(&self, id: TypeId) -> Option<EntryFields> {
        let Kind::Record { fields, .. } = &self.get(id).kind else { return None };
        match fields.as_slice() {
            [key, value] if key.name == "key" && value.name == "value" => {
                Some(EntryFields { key: key.data_type, value: value.data_type, key_first: true })
            }
            [value, key] if key.name == "key" && value.name == "value" => {
                Some(EntryFields { key: key.data_type, value: value.data_type, key_first: false })
            }
            _ => None,
        }
    }

    /// The name of a union's branch, as the column of a STRUCT that stands for the union.
    pub(super) fn branch_name(&self, id: TypeId) -> String {
        let branch = self.get(id);
        branch.name.clone().unwrap_or_else(|| branch.kind.name().to_owned())
    }
}

impl Kind {
    /// Whether values may be keys of a MAP: text, or of a kind that text stands for there.
    pub(super) fn is_key(&self) -> bool {
        matches!(self, Kind::String | Kind::Enum { .. } | Kind::Int | Kind::Long | Kind::Boolean)
    }

    /// The kind's name in Avro.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Long => "long",
            Kind::Float => "float",
            Kind::Double => "double",
            Kind::Bytes => "bytes",
            Kind::String => "string",
            Kind::Fixed { .. } => "fixed",
            Kind::Enum { .. } => "enum",
            Kind::Array { .. } => "array",
            Kind::Map { .. } => "map",
            Kind::Record { .. } => "record",
            Kind::Union { .. } => "union",
        }
    }
}
