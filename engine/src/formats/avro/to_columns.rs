//! The columns that payloads of an Avro schema hold: what inference reads out of a schema.
//!
//! The rules are Kafka Connect's and ksqlDB's: an enum is a STRING, a fixed is BYTES, a float a DOUBLE;
//! a union with null is its other branch, any other union a STRUCT with a field for each branch; a map
//! may stand as an array of its entries. What SQL has no type for is left out.

use tidemill_sql::type_system::{SqlType, StructField};

use super::schema::{AvroSchema, EntryFields, Kind, Logical, TypeId};
use crate::formats::Wrapping;
use crate::formats::schema_format::PayloadShape;

/// Depth of types inside each other.
const DEPTH_MAX: usize = 32;

/// Types looked at in all: named types may be used many times over, inside each other.
const VISITS_MAX: usize = 10_000;

/// See [`SchemaFormat::columns_of`](crate::formats::schema_format::SchemaFormat::columns_of).
pub(super) fn columns(schema: &AvroSchema, shape: &PayloadShape) -> Result<Vec<StructField>, String> {
    let mut types = Types { schema, visits: 0 };
    let root = schema.non_null(schema.root());
    if shape.wrapping == Wrapping::Bare {
        let data_type = types
            .sql_type(root, &mut Vec::new())
            .ok_or_else(|| format!("Unsupported type at root of schema: {}", schema.get(root).kind.name()))?;
        return Ok(vec![StructField::new(shape.bare_name(), data_type)]);
    }
    let Kind::Record { .. } = schema.get(root).kind else {
        return Err("Schema returned from schema registry is anonymous type. To use this schema with \
                    ksqlDB, set 'WRAP_SINGLE_VALUE=false' in the WITH clause properties."
            .to_owned());
    };
    match types.sql_type(root, &mut Vec::new()) {
        Some(SqlType::Struct(columns)) => Ok(columns),
        _ => Err("Schema does not include any columns with types that ksqlDB supports.".to_owned()),
    }
}

struct Types<'a> {
    schema: &'a AvroSchema,
    visits: usize,
}

impl Types<'_> {
    /// The SQL type; `None` where there is none. `around` has the records that are being read: a record
    /// that contains itself has no SQL type.
    fn sql_type(&mut self, id: TypeId, around: &mut Vec<TypeId>) -> Option<SqlType> {
        self.visits += 1;
        if self.visits > VISITS_MAX || around.len() > DEPTH_MAX || around.contains(&id) {
            return None;
        }
        around.push(id);
        let found = self.sql_type_within(id, around);
        around.pop();
        found
    }

    fn sql_type_within(&mut self, id: TypeId, around: &mut Vec<TypeId>) -> Option<SqlType> {
        let schema = self.schema;
        let data_type = schema.get(id);
        Some(match (&data_type.kind, data_type.logical) {
            (Kind::Null, _) => return None,
            (Kind::Boolean, _) => SqlType::Boolean,
            (Kind::Int, Some(Logical::Date)) => SqlType::Date,
            (Kind::Int, Some(Logical::Time)) => SqlType::Time,
            (Kind::Int, _) => SqlType::Integer,
            (Kind::Long, Some(Logical::Timestamp)) => SqlType::Timestamp,
            (Kind::Long, _) => SqlType::Bigint,
            (Kind::Float | Kind::Double, _) => SqlType::Double,
            (Kind::Bytes | Kind::Fixed { .. }, Some(Logical::Decimal { precision, scale })) => {
                SqlType::decimal(precision, scale).ok()?
            }
            (Kind::Bytes | Kind::Fixed { .. }, _) => SqlType::Bytes,
            (Kind::String | Kind::Enum { .. }, _) => SqlType::String,
            (Kind::Array { items }, _) => match self.map_entry(*items) {
                Some(entry) => self.map(entry.key, entry.value, around)?,
                None => SqlType::array(self.sql_type(*items, around)?),
            },
            (Kind::Map { values }, _) => SqlType::map(SqlType::String, self.sql_type(*values, around)?),
            (Kind::Record { fields, .. }, _) => {
                let fields = fields.iter().map(|field| (field.name.clone(), field.data_type));
                self.fields(fields, around)?
            }
            (Kind::Union { branches }, _) => match schema.only_branch(id) {
                Some(branch) => self.sql_type(branch, around)?,
                None => {
                    let branches = branches.iter().map(|branch| (schema.branch_name(*branch), *branch));
                    self.fields(branches, around)?
                }
            },
        })
    }

    fn fields(
        &mut self,
        fields: impl Iterator<Item = (String, TypeId)>,
        around: &mut Vec<TypeId>,
    ) -> Option<SqlType> {
        let fields: Vec<StructField> = fields
            .filter_map(|(name, id)| Some(StructField::new(name, self.sql_type(id, around)?)))
            .collect();
        (!fields.is_empty()).then_some(SqlType::Struct(fields))
    }

    /// Key and value of the entries of a map that is written as an array.
    fn map_entry(&self, items: TypeId) -> Option<EntryFields> {
        match self.schema.get(items).kind {
            Kind::Record { map_entry: true, .. } => self.schema.entry_fields(items),
            _ => None,
        }
    }

    fn map(&mut self, key: TypeId, value: TypeId, around: &mut Vec<TypeId>) -> Option<SqlType> {
        // Keys that are numbers or truth values are read as text.
        let is_key = self.schema.get(self.schema.non_null(key)).kind.is_key();
        is_key.then(|| Some(SqlType::map(SqlType::String, self.sql_type(value, around)?)))?
    }
}
