//! Values that no column asks for: they are read over, because nothing but reading tells where they end.

use super::cursor::{Cursor, Malformed};
use super::schema::{AvroSchema, Kind, TypeId};

/// Depth of values inside each other: a type may contain itself, and a payload could go down for ever.
const DEPTH_MAX: usize = 64;

/// Reads over a value of a type.
///
/// # Errors
/// The payload is not what its schema says.
pub(super) fn skip(schema: &AvroSchema, id: TypeId, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    skip_within(schema, id, cursor, 0)
}

fn skip_within(
    schema: &AvroSchema,
    id: TypeId,
    cursor: &mut Cursor<'_>,
    depth: usize,
) -> Result<(), Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed {
            expected: "values less deep inside each other",
            position: cursor.position(),
        });
    }
    cursor.skip_one()?;
    match &schema.get(id).kind {
        Kind::Null => {}
        Kind::Boolean => drop(cursor.boolean()?),
        Kind::Int | Kind::Long => drop(cursor.long()?),
        Kind::Enum { symbols } => drop(cursor.choice(symbols.len(), "a symbol of an enum")?),
        Kind::Float => drop(cursor.float()?),
        Kind::Double => drop(cursor.double()?),
        Kind::Bytes => drop(cursor.bytes()?),
        Kind::String => drop(cursor.text()?),
        Kind::Fixed { bytes } => drop(cursor.take(*bytes, "the bytes of a fixed")?),
        Kind::Array { items } => cursor.items(|cursor| skip_within(schema, *items, cursor, depth + 1))?,
        Kind::Map { values } => cursor.items(|cursor| {
            cursor.text()?;
            skip_within(schema, *values, cursor, depth + 1)
        })?,
        Kind::Record { fields, .. } => {
            for field in fields {
                skip_within(schema, field.data_type, cursor, depth + 1)?;
            }
        }
        Kind::Union { branches } => {
            let branch = cursor.choice(branches.len(), "a branch of a union")?;
            if let Some(branch) = branches.get(branch) {
                skip_within(schema, *branch, cursor, depth + 1)?;
            }
        }
    }
    Ok(())
}
