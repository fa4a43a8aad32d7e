//! A schema of the registry to the types that payloads are read and written by.
//!
//! What is not needed for that (documentation, aliases, orders, properties of other programs) stays
//! behind. Of Kafka Connect's properties those that tell what a value means are read: a map written as
//! an array of its entries, and the names of its logical types.

use std::collections::HashMap;

use serde_json::Value;

use super::schema::{AvroSchema, AvroType, Kind, Logical, RecordField, TypeId};
use crate::registry::ResolvedSchema;
use crate::registry::avro::{
    AvroNode, AvroSchema as ParsedAvro, AvroShape, NamedDefinition, NamedType, Primitive, Properties,
};

/// The name of a record that Kafka Connect writes for the entries of a map, and its namespace.
const MAP_ENTRY: &str = "MapEntry";
const CONNECT_NAMESPACE: &str = "io.confluent.connect.avro";

/// Digits of a decimal that does not tell how many it has, as Kafka Connect takes it.
const DECIMAL_PRECISION: u64 = 64;

/// See [`AvroSchema::parse`].
pub(super) fn parse(schema: &ResolvedSchema) -> Result<AvroSchema, String> {
    let parsed = ParsedAvro::parse(&schema.definition.text, &schema.imports)?;
    let mut lowering = Lowering { parsed: &parsed, types: Vec::new(), named: HashMap::new() };
    let root = lowering.node(parsed.root())?;
    Ok(AvroSchema::of(lowering.types, root))
}

struct Lowering<'s> {
    parsed: &'s ParsedAvro,
    types: Vec<AvroType>,
    /// Named types by their places in the schema.
    named: HashMap<usize, TypeId>,
}

impl Lowering<'_> {
    fn node(&mut self, node: &AvroNode) -> Result<TypeId, String> {
        let kind = match &node.shape {
            AvroShape::Named(place) => return self.named(*place),
            AvroShape::Primitive(primitive) => of_primitive(*primitive),
            AvroShape::Array(items) => Kind::Array { items: self.node(items)? },
            AvroShape::Map(values) => Kind::Map { values: self.node(values)? },
            AvroShape::Union(branches) => {
                let branches = branches.iter().map(|branch| self.node(branch)).collect::<Result<_, _>>()?;
                Kind::Union { branches }
            }
        };
        let logical = logical(&kind, &node.properties);
        Ok(self.add(AvroType { kind, logical, name: None }))
    }

    fn named(&mut self, place: usize) -> Result<TypeId, String> {
        if let Some(known) = self.named.get(&place) {
            return Ok(*known);
        }
        let parsed = self.parsed;
        let named = parsed.named(place);
        let name = Some(named.name.name.clone());
        match &named.definition {
            NamedDefinition::Enum { symbols, .. } => {
                let kind = Kind::Enum { symbols: symbols.clone() };
                Ok(self.declare(place, AvroType { kind, logical: None, name }))
            }
            NamedDefinition::Fixed { size } => {
                let bytes = usize::try_from(*size)
                    .map_err(|_| format!("'{}' is of {size} bytes", named.name.full()))?;
                let kind = Kind::Fixed { bytes };
                let logical = logical(&kind, &named.properties);
                Ok(self.declare(place, AvroType { kind, logical, name }))
            }
            NamedDefinition::Record { fields, .. } => {
                // Declared before its fields are read: they may be of this type.
                let empty = Kind::Record { fields: Vec::new(), map_entry: false };
                let id = self.declare(place, AvroType { kind: empty, logical: None, name });
                let fields = fields
                    .iter()
                    .map(|field| {
                        let data_type = self.node(&field.node)?;
                        let default = field.default.clone();
                        Ok(RecordField { name: field.name.clone(), data_type, default })
                    })
                    .collect::<Result<_, String>>()?;
                if let Some(declared) = self.types.get_mut(id.0) {
                    declared.kind = Kind::Record { fields, map_entry: is_map_entry(named) };
                }
                Ok(id)
            }
        }
    }

    fn declare(&mut self, place: usize, data_type: AvroType) -> TypeId {
        let id = self.add(data_type);
        self.named.insert(place, id);
        id
    }

    fn add(&mut self, data_type: AvroType) -> TypeId {
        let id = TypeId(self.types.len());
        self.types.push(data_type);
        id
    }
}

fn of_primitive(primitive: Primitive) -> Kind {
    match primitive {
        Primitive::Null => Kind::Null,
        Primitive::Boolean => Kind::Boolean,
        Primitive::Int => Kind::Int,
        Primitive::Long => Kind::Long,
        Primitive::Float => Kind::Float,
        Primitive::Double => Kind::Double,
        Primitive::Bytes => Kind::Bytes,
        Primitive::String => Kind::String,
    }
}

fn is_map_entry(record: &NamedType) -> bool {
    let is_connects = record.name.namespace == CONNECT_NAMESPACE && record.name.name == MAP_ENTRY;
    is_connects || text(&record.properties, "connect.internal.type") == Some(MAP_ENTRY)
}

fn logical(kind: &Kind, properties: &Properties) -> Option<Logical> {
    let name = text(properties, "logicalType").or_else(|| text(properties, "connect.name"))?;
    match (kind, name) {
        (Kind::Bytes | Kind::Fixed { .. }, "decimal" | "org.apache.kafka.connect.data.Decimal") => {
            let parameter = |name: &str| -> Option<u64> {
                property(properties, "connect.parameters")?.get(name)?.as_str()?.parse().ok()
            };
            let number = |name: &str| property(properties, name).and_then(Value::as_u64);
            let precision = number("precision").or_else(|| parameter("connect.decimal.precision"));
            let scale = number("scale").or_else(|| parameter("scale")).unwrap_or(0);
            Some(Logical::Decimal { precision: precision.unwrap_or(DECIMAL_PRECISION), scale })
        }
        (Kind::Int, "date" | "org.apache.kafka.connect.data.Date") => Some(Logical::Date),
        (Kind::Int, "time-millis" | "org.apache.kafka.connect.data.Time") => Some(Logical::Time),
        (Kind::Long, "timestamp-millis" | "org.apache.kafka.connect.data.Timestamp") => {
            Some(Logical::Timestamp)
        }
        _ => None,
    }
}

fn property<'p>(properties: &'p Properties, name: &str) -> Option<&'p Value> {
    properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn text<'p>(properties: &'p Properties, name: &str) -> Option<&'p str> {
    property(properties, name).and_then(Value::as_str)
}
