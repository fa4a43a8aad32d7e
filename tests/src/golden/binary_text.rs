//! Binary values as the text that the simple protocol has for them, so that one file holds for both.
//!
//! Written from the protocol's description and not from the server's encoder: a mistake there shows here.

use std::error::Error;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use tokio_postgres::types::{FromSql, Kind, Type};

/// A cell of any type, as text.
pub(super) struct Cell(pub(super) String);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(wire_type: &Type, raw: &'a [u8]) -> Result<Cell, Box<dyn Error + Sync + Send>> {
        Ok(Cell(match *wire_type {
            Type::BOOL => if bool::from_sql(wire_type, raw)? { "t" } else { "f" }.to_owned(),
            Type::INT2 => i16::from_sql(wire_type, raw)?.to_string(),
            Type::INT4 => i32::from_sql(wire_type, raw)?.to_string(),
            Type::INT8 => i64::from_sql(wire_type, raw)?.to_string(),
            Type::OID => u32::from_sql(wire_type, raw)?.to_string(),
            Type::FLOAT4 => f32::from_sql(wire_type, raw)?.to_string(),
            Type::FLOAT8 => float(f64::from_sql(wire_type, raw)?),
            Type::NUMERIC => numeric(raw).ok_or("a numeric value is cut off")?,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => String::from_sql(wire_type, raw)?,
            Type::BYTEA => raw.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}")),
            Type::DATE => NaiveDate::from_sql(wire_type, raw)?.to_string(),
            Type::TIME => seconds(NaiveTime::from_sql(wire_type, raw)?.format("%H:%M:%S%.6f").to_string()),
            Type::TIMESTAMP => {
                let instant = NaiveDateTime::from_sql(wire_type, raw)?;
                seconds(instant.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
            }
            // A version byte, then text.
            Type::JSONB => String::from_utf8(raw.get(1..).ok_or("jsonb has a version")?.to_vec())?,
            _ => match wire_type.kind() {
                Kind::Array(_) => array(Vec::<Option<Cell>>::from_sql(wire_type, raw)?),
                _ => return Err(format!("golden files do not know the type {wire_type}").into()),
            },
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Without the zeros at the end of the fraction.
fn seconds(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// As Postgres writes it: in digits up to 15 places, beyond with an exponent.
fn float(value: f64) -> String {
    let size = value.abs();
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if size == 0.0 || (1e-4..1e15).contains(&size) || value.is_nan() {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => text,
    }
}

/// Groups of four decimal digits, with the place of the first.
fn numeric(raw: &[u8]) -> Option<String> {
    let field = |index: usize| raw.get(2 * index..2 * index + 2)?.try_into().ok().map(i16::from_be_bytes);
    let (count, weight, scale) = (field(0)?, field(1)?, usize::try_from(field(3)?).ok()?);
    let group = |position: i16| match usize::try_from(weight - position) {
        Ok(index) if index < usize::try_from(count).ok()? => field(4 + index),
        _ => Some(0),
    };
    let mut text = if field(2)? == 0x4000 { "-" } else { "" }.to_owned();
    if weight < 0 {
        text.push('0');
    }
    for position in (0..=weight).rev() {
        let group = group(position)?;
        text += &if position == weight { format!("{group}") } else { format!("{group:04}") };
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut position = -1;
        while fraction.len() < scale {
            fraction += &format!("{:04}", group(position)?);
            position -= 1;
        }
        text.push('.');
        text += &fraction[..scale];
    }
    Some(text)
}

fn array(elements: Vec<Option<Cell>>) -> String {
    let elements: Vec<String> = elements
        .into_iter()
        .map(|element| match element {
            None => "NULL".to_owned(),
            Some(Cell(text)) if needs_quotes(&text) => {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Some(Cell(text)) => text,
        })
        .collect();
    format!("{{{}}}", elements.join(","))
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|character: char| character.is_whitespace() || "{},\"\\".contains(character))
}
