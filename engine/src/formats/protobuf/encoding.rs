//! How scalars are laid out in the bytes of a message, and which columns hold them.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use hashbrown::HashMap;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, Syntax, Value};

use super::wire::{WireType, unzigzag};

/// How a scalar is laid out.
#[derive(Clone)]
pub(super) enum Encoding {
    Bool,
    Int32,
    Uint32,
    /// Unsigned ones too: they keep their bits.
    Int64,
    Sint32,
    Sint64,
    Fixed32,
    Sfixed32,
    /// Signed ones too.
    Fixed64,
    Float,
    Double,
    String,
    Bytes,
    Enum(Arc<EnumNames>),
}

/// The values of an enum: a column has their names, a message their numbers.
pub(super) struct EnumNames {
    enum_name: String,
    names: HashMap<i32, String, ahash::RandomState>,
    numbers: HashMap<String, i32, ahash::RandomState>,
    /// Number whose name stands for those without one.
    fallback: Option<i32>,
}

impl Encoding {
    /// How scalars of a kind are laid out; `None` for messages.
    pub(super) fn of(kind: &Kind) -> Option<Encoding> {
        Some(match kind {
            Kind::Bool => Encoding::Bool,
            Kind::Int32 => Encoding::Int32,
            Kind::Uint32 => Encoding::Uint32,
            Kind::Int64 | Kind::Uint64 => Encoding::Int64,
            Kind::Sint32 => Encoding::Sint32,
            Kind::Sint64 => Encoding::Sint64,
            Kind::Fixed32 => Encoding::Fixed32,
            Kind::Sfixed32 => Encoding::Sfixed32,
            Kind::Fixed64 | Kind::Sfixed64 => Encoding::Fixed64,
            Kind::Float => Encoding::Float,
            Kind::Double => Encoding::Double,
            Kind::String => Encoding::String,
            Kind::Bytes => Encoding::Bytes,
            Kind::Enum(descriptor) => Encoding::Enum(Arc::new(EnumNames::new(descriptor, None))),
            Kind::Message(_) => return None,
        })
    }

    /// How a field's scalars are laid out; `None` for messages. In the old syntax an enum takes no other
    /// numbers than its own: a field with another one is as if it were not set.
    pub(super) fn of_field(field: &FieldDescriptor) -> Option<Encoding> {
        match (field.kind(), field.default_value()) {
            (Kind::Enum(descriptor), Value::EnumNumber(default))
                if descriptor.parent_file().syntax() == Syntax::Proto2 =>
            {
                Some(Encoding::Enum(Arc::new(EnumNames::new(&descriptor, Some(default)))))
            }
            (kind, _) => Encoding::of(&kind),
        }
    }

    /// The wire type of its fields.
    #[inline]
    pub(super) fn wire(&self) -> WireType {
        match self {
            Encoding::Fixed32 | Encoding::Sfixed32 | Encoding::Float => WireType::Fixed32,
            Encoding::Fixed64 | Encoding::Double => WireType::Fixed64,
            Encoding::String | Encoding::Bytes => WireType::Bytes,
            _ => WireType::Varint,
        }
    }

    /// The whole number that stands in the bytes as `raw`.
    #[inline]
    pub(super) fn integer(&self, raw: u64) -> i64 {
        match self {
            Encoding::Uint32 | Encoding::Fixed32 => i64::from(raw as u32),
            Encoding::Int32 | Encoding::Sfixed32 | Encoding::Enum(_) => i64::from(raw as i32),
            Encoding::Sint32 => unzigzag(u64::from(raw as u32)),
            Encoding::Sint64 => unzigzag(raw),
            _ => raw as i64,
        }
    }

    /// Whether values always fit a column: whole numbers fit where the widest of them does, and text
    /// takes every scalar but bytes.
    pub(super) fn fits(&self, data_type: &DataType) -> bool {
        let small = matches!(self, Encoding::Int32 | Encoding::Sint32 | Encoding::Sfixed32);
        match data_type {
            DataType::Boolean => matches!(self, Encoding::Bool),
            DataType::Int32 | DataType::Date32 | DataType::Time32(TimeUnit::Millisecond) => small,
            DataType::Int64 | DataType::Timestamp(TimeUnit::Millisecond, _) => self.is_whole(),
            DataType::Float64 => matches!(self, Encoding::Float | Encoding::Double),
            DataType::Utf8 => !matches!(self, Encoding::Bytes),
            DataType::Binary => matches!(self, Encoding::Bytes),
            _ => false,
        }
    }

    /// Whether a column's values can be written so, if each is in range.
    pub(super) fn takes(&self, data_type: &DataType) -> bool {
        match data_type {
            DataType::Boolean => matches!(self, Encoding::Bool),
            DataType::Int32
            | DataType::Int64
            | DataType::Date32
            | DataType::Time32(TimeUnit::Millisecond)
            | DataType::Timestamp(TimeUnit::Millisecond, _) => self.is_whole(),
            DataType::Float64 => matches!(self, Encoding::Float | Encoding::Double),
            DataType::Utf8 => matches!(self, Encoding::String | Encoding::Enum(_)),
            DataType::Binary => matches!(self, Encoding::Bytes),
            _ => false,
        }
    }

    fn is_whole(&self) -> bool {
        !matches!(
            self,
            Encoding::Bool
                | Encoding::Float
                | Encoding::Double
                | Encoding::String
                | Encoding::Bytes
                | Encoding::Enum(_)
        )
    }
}

impl EnumNames {
    fn new(descriptor: &EnumDescriptor, fallback: Option<i32>) -> EnumNames {
        let mut names = HashMap::default();
        let mut numbers = HashMap::default();
        for value in descriptor.values() {
            // Of several names of a number the first one is read, and each is written.
            names.entry(value.number()).or_insert_with(|| value.name().to_owned());
            numbers.insert(value.name().to_owned(), value.number());
        }
        EnumNames { enum_name: descriptor.name().to_owned(), names, numbers, fallback }
    }

    /// Hands the name of a number on.
    #[inline]
    pub(super) fn with_name<T>(&self, number: i32, give: impl FnOnce(&str) -> T) -> T {
        let fallback = || self.fallback.and_then(|number| self.names.get(&number));
        match self.names.get(&number).or_else(fallback) {
            Some(name) => give(name),
            None => give(&format!("UNKNOWN_ENUM_VALUE_{}_{number}", self.enum_name)),
        }
    }

    /// The number of a name.
    ///
    /// # Errors
    /// A reason for people: there is none.
    #[inline]
    pub(super) fn number(&self, name: &str) -> Result<i32, String> {
        let number = self.numbers.get(name).copied();
        number.ok_or_else(|| format!("enum '{}' has no value '{name}'", self.enum_name))
    }
}
