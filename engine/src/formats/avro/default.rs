//! The default of a field, as its schema's JSON has it, in Avro's binary encoding.

use serde_json::Value;

use super::bytes::{write_bytes, write_length, write_long};
use super::schema::{AvroSchema, Kind, TypeId};

/// Values in a default: fields of records inside it have defaults themselves, and theirs again.
const VALUES_MAX: usize = 10_000;

/// Depth of values inside each other, for the same reason.
const DEPTH_MAX: usize = 64;

/// The bytes of a default; `None` where it is no value of the type.
pub(super) fn encode(schema: &AvroSchema, id: TypeId, default: &Value) -> Option<Vec<u8>> {
    let mut writing = Writing { schema, values_left: VALUES_MAX };
    let mut out = Vec::new();
    writing.write(id, default, 0, &mut out)?;
    Some(out)
}

struct Writing<'s> {
    schema: &'s AvroSchema,
    values_left: usize,
}

impl Writing<'_> {
    fn write(&mut self, id: TypeId, value: &Value, depth: usize, out: &mut Vec<u8>) -> Option<()> {
        self.values_left = self.values_left.checked_sub(1)?;
        if depth > DEPTH_MAX {
            return None;
        }
        let schema = self.schema;
        match &schema.get(id).kind {
            Kind::Null => return value.is_null().then_some(()),
            Kind::Boolean => out.push(u8::from(value.as_bool()?)),
            Kind::Int => write_long(i64::from(i32::try_from(value.as_i64()?).ok()?), out),
            Kind::Long => write_long(value.as_i64()?, out),
            Kind::Float => out.extend_from_slice(&(value.as_f64()? as f32).to_le_bytes()),
            Kind::Double => out.extend_from_slice(&value.as_f64()?.to_le_bytes()),
            Kind::String => write_bytes(value.as_str()?.as_bytes(), out),
            Kind::Bytes => write_bytes(&latin1(value.as_str()?)?, out),
            Kind::Fixed { bytes } => {
                let value = latin1(value.as_str()?)?;
                if value.len() != *bytes {
                    return None;
                }
                out.extend_from_slice(&value);
            }
            Kind::Enum { symbols } => {
                let value = value.as_str()?;
                write_length(symbols.iter().position(|symbol| symbol == value)?, out);
            }
            Kind::Array { items } => {
                let values = value.as_array()?;
                if !values.is_empty() {
                    write_length(values.len(), out);
                    values.iter().try_for_each(|value| self.write(*items, value, depth + 1, out))?;
                }
                out.push(0);
            }
            Kind::Map { values: item } => {
                let members = value.as_object()?;
                if !members.is_empty() {
                    write_length(members.len(), out);
                    for (key, value) in members {
                        write_bytes(key.as_bytes(), out);
                        self.write(*item, value, depth + 1, out)?;
                    }
                }
                out.push(0);
            }
            Kind::Record { fields, .. } => {
                let members = value.as_object()?;
                for field in fields {
                    let value = members.get(&field.name).or(field.default.as_ref())?;
                    self.write(field.data_type, value, depth + 1, out)?;
                }
            }
            Kind::Union { branches } => {
                // By the letter it is of the first branch; schemas with another one are about.
                let (branch, bytes) = branches.iter().enumerate().find_map(|(branch, id)| {
                    let mut bytes = Vec::new();
                    self.write(*id, value, depth + 1, &mut bytes)?;
                    Some((branch, bytes))
                })?;
                write_length(branch, out);
                out.extend_from_slice(&bytes);
            }
        }
        Some(())
    }
}

/// Bytes written as the characters of the same numbers.
fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}
