//! ARRAY, MAP and STRUCT: made and taken apart.

use datafusion_expr::{Expr, lit};

use super::{Lowering, Typed, type_text};
use crate::analyzer::cast::convert;
use crate::analyzer::coercion::to_common_type;
use crate::analyzer::expression::Expression;
use crate::analyzer::reserved;
use crate::error::{SqlError, SqlErrorKind};
use crate::type_system::{SqlType, StructField};

impl Lowering<'_> {
    pub(super) fn field(&self, value: &Expression, name: &str) -> Result<Typed, SqlError> {
        let typed = self.lower(value)?;
        let Some(SqlType::Struct(fields)) = &typed.data_type else {
            let found = type_text(typed.data_type.as_ref());
            return Err(SqlError::type_error(format!("Expected STRUCT type, got: {found}"))
                .with_hint(format!("-> takes a field out of a STRUCT: '{value}' is none")));
        };
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let message = format!("Could not find field '{name}' in '{value}'.");
            return Err(SqlError::new(SqlErrorKind::UnknownColumn, message)
                .with_suggestion(name, fields.iter().map(|field| field.name.as_str())));
        };
        let data_type = field.data_type.clone();
        let expr = self.reserved(reserved::FIELD, vec![typed.expr, lit(name)])?;
        Ok(Typed::new(expr, data_type))
    }

    pub(super) fn subscript(&self, value: &Expression, index: &Expression) -> Result<Typed, SqlError> {
        let collection = self.lower(value)?;
        let typed_index = self.lower(index)?;
        let (element, index) = match (&collection.data_type, &typed_index.data_type) {
            (Some(SqlType::Array(element)), Some(SqlType::Integer | SqlType::Bigint)) => {
                (element.as_ref().clone(), typed_index.expr)
            }
            (Some(SqlType::Array(_)), other) => {
                return Err(SqlError::type_error(format!(
                    "The index of an ARRAY must be INTEGER or BIGINT, but '{index}' is {}.",
                    type_text(other.as_ref())
                ))
                .at(index.span));
            }
            (Some(SqlType::Map { key, value }), Some(found)) if found == key.as_ref() => {
                (value.as_ref().clone(), typed_index.expr)
            }
            (Some(SqlType::Map { key, value }), found) => {
                let widens = match found {
                    None => true,
                    Some(found) => crate::analyzer::cast::is_lossless(found, key),
                };
                if !widens {
                    return Err(SqlError::type_error(format!(
                        "The key of '{}' is {key}, but '{index}' is {}.",
                        type_text(collection.data_type.as_ref()),
                        type_text(found.as_ref())
                    ))
                    .at(index.span));
                }
                let index = convert(typed_index.expr, found.as_ref(), key, self.lookup)?;
                (value.as_ref().clone(), index)
            }
            (other, _) => {
                let found = type_text(other.as_ref());
                let message = format!("Subscript expression ({value}[{index}]) do not apply to {found}.");
                let error = SqlError::type_error(message).at(value.span);
                return Err(match other {
                    Some(SqlType::Struct(_)) => {
                        error.with_hint(format!("{value}->name takes a field out of it"))
                    }
                    _ => error.with_hint("an ARRAY and a MAP have elements"),
                });
            }
        };
        Ok(Typed::new(self.reserved(reserved::SUBSCRIPT, vec![collection.expr, index])?, element))
    }

    pub(super) fn array(&self, elements: &[Expression]) -> Result<Typed, SqlError> {
        if elements.is_empty() {
            return Err(SqlError::type_error(
                "Array constructor cannot be empty. Please supply at least one element (see \
                 https://github.com/confluentinc/ksql/issues/4239).",
            ));
        }
        let Some((data_type, elements)) = to_common_type(self.all(elements.iter())?, self.lookup)? else {
            return Err(all_null("an array", "elements", "value"));
        };
        Ok(Typed::new(self.reserved(reserved::ARRAY, elements)?, SqlType::array(data_type)))
    }

    pub(super) fn map(&self, entries: &[(Expression, Expression)]) -> Result<Typed, SqlError> {
        if entries.is_empty() {
            return Err(SqlError::type_error(
                "Map constructor cannot be empty. Please supply at least one key value pair (see \
                 https://github.com/confluentinc/ksql/issues/4239).",
            ));
        }
        let keys = self.all(entries.iter().map(|(key, _)| key))?;
        let values = self.all(entries.iter().map(|(_, value)| value))?;
        let Some((key_type, keys)) = to_common_type(keys, self.lookup)? else {
            return Err(all_null("a map", "keys", "key"));
        };
        let Some((value_type, values)) = to_common_type(values, self.lookup)? else {
            return Err(all_null("a map", "values", "value"));
        };
        let arguments: Vec<Expr> =
            keys.into_iter().zip(values).flat_map(|(key, value)| [key, value]).collect();
        Ok(Typed::new(self.reserved(reserved::MAP, arguments)?, SqlType::map(key_type, value_type)))
    }

    pub(super) fn structure(&self, fields: &[(String, Expression)]) -> Result<Typed, SqlError> {
        let mut arguments = Vec::with_capacity(fields.len() * 2);
        let mut types = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let typed = self.lower(value)?;
            let Some(data_type) = typed.data_type else {
                return Err(SqlError::type_error(format!(
                    "The field '{name}' of the STRUCT is NULL and so has no type."
                ))
                .at(value.span)
                .with_hint("write CAST(NULL AS type)"));
            };
            arguments.extend([lit(name.as_str()), typed.expr]);
            types.push(StructField::new(name.clone(), data_type));
        }
        Ok(Typed::new(self.reserved(reserved::STRUCT, arguments)?, SqlType::Struct(types)))
    }

    pub(super) fn all<'e>(
        &self,
        list: impl Iterator<Item = &'e Expression>,
    ) -> Result<Vec<(&'e Expression, Typed)>, SqlError> {
        list.map(|expression| Ok((expression, self.lower(expression)?))).collect()
    }
}

/// The error for a constructor whose elements do not say what type they have.
fn all_null(what: &str, parts: &str, part: &str) -> SqlError {
    SqlError::type_error(format!(
        "Cannot construct {what} with all NULL {parts} (see https://github.com/confluentinc/ksql/issues/4239). As \
         a workaround, you may cast a NULL {part} to the desired type."
    ))
}
