//! One type for a list of expressions: the elements of an ARRAY, the values of a MAP, both sides of IN.
//!
//! Numbers take the widest type among them. Text that is written out takes the type of the others, if
//! it can be read as one of them: `IN (1, '2')`. Nested values take one type part by part; a struct
//! gets the fields of all.

use datafusion_expr::Expr;
use sqlparser::tokenizer::Span;

use crate::analyzer::cast::Target;
use crate::analyzer::decimal::{self, Digits};
use crate::analyzer::expression::{Expression, Literal, Node};
use crate::analyzer::resolve::number;
use crate::analyzer::text_value::value_of_text;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::Lookup;
use crate::type_system::{SqlType, StructField};

/// An expression with its type; NULL has none.
#[derive(Clone, Debug)]
pub struct Typed {
    /// What computes it.
    pub expr: Expr,
    /// Its type.
    pub data_type: Option<SqlType>,
}

impl Typed {
    /// An expression of that type.
    #[must_use]
    pub fn new(expr: Expr, data_type: SqlType) -> Typed {
        Typed { expr, data_type: Some(data_type) }
    }
}

/// The type that all of them can take; `None` if all are NULL.
///
/// # Errors
/// There is none: says which expression does not fit.
pub fn common_type(list: &[(&Expression, &Typed)]) -> Result<Option<SqlType>, SqlError> {
    let is_text = |expression: &Expression| matches!(expression.node, Node::Literal(Literal::String(_)));
    let mut common: Option<SqlType> = None;
    // Written text goes last: it takes the type that the others have.
    let (texts, others): (Vec<_>, Vec<_>) = list.iter().partition(|(expression, _)| is_text(expression));
    for (expression, typed) in others.into_iter().chain(texts) {
        let Some(data_type) = &typed.data_type else {
            continue;
        };
        common = Some(match common {
            Some(common) => widen(expression, data_type, &common)?,
            None => data_type.clone(),
        });
    }
    Ok(common)
}

/// All of them in their common type, and that type; `None` if all are NULL.
///
/// # Errors
/// There is no common type.
pub fn to_common_type(
    list: Vec<(&Expression, Typed)>,
    lookup: &dyn Lookup,
) -> Result<Option<(SqlType, Vec<Expr>)>, SqlError> {
    let borrowed: Vec<(&Expression, &Typed)> =
        list.iter().map(|(expression, typed)| (*expression, typed)).collect();
    let Some(common) = common_type(&borrowed)? else {
        return Ok(None);
    };
    let target = Target::new(&common)?;
    let converted = list
        .into_iter()
        .map(|(expression, typed)| match written_value(expression, &common) {
            Some(value) => Ok(value),
            None => target.convert(typed.expr, typed.data_type.as_ref(), lookup),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some((common, converted)))
}

/// The wider of two number types.
#[must_use]
pub fn widest_number(left: &SqlType, right: &SqlType) -> Option<SqlType> {
    match (left, right) {
        (SqlType::Double, other) | (other, SqlType::Double) => other.is_numeric().then_some(SqlType::Double),
        (SqlType::Decimal { .. }, _) | (_, SqlType::Decimal { .. }) => {
            Some(decimal::common(Digits::of(left)?, Digits::of(right)?).sql_type())
        }
        (SqlType::Bigint, SqlType::Bigint | SqlType::Integer) | (SqlType::Integer, SqlType::Bigint) => {
            Some(SqlType::Bigint)
        }
        (SqlType::Integer, SqlType::Integer) => Some(SqlType::Integer),
        _ => None,
    }
}

/// The type that holds values of `common` and the expression, which is of type `data_type`.
fn widen(expression: &Expression, data_type: &SqlType, common: &SqlType) -> Result<SqlType, SqlError> {
    if data_type == common {
        return Ok(common.clone());
    }
    if let Node::Literal(literal) = &expression.node {
        if let Literal::String(text) = literal {
            if matches!(common, SqlType::Array(_) | SqlType::Map { .. } | SqlType::Struct(_)) {
                return Err(no_operator(expression, data_type, common));
            }
            return type_of_text(text, common).ok_or_else(|| not_readable(expression, text, common));
        }
        // A number or truth value among text is that text.
        if *common == SqlType::String {
            return Ok(SqlType::String);
        }
    }
    if let Some(widest) = widest_number(data_type, common) {
        return Ok(widest);
    }
    let none = || no_operator(expression, data_type, common);
    match (common, data_type) {
        (SqlType::Array(common), SqlType::Array(element)) => {
            let parts = part(expression, |node| match node {
                Node::Array(elements) => elements.iter().collect(),
                _ => Vec::new(),
            });
            widen_parts(&parts, element, common)
                .map_err(|error| error.unwrap_or_else(none))
                .map(SqlType::array)
        }
        (SqlType::Map { key, value }, SqlType::Map { key: other_key, value: other_value }) => {
            let keys = part(expression, |node| match node {
                Node::Map(entries) => entries.iter().map(|(key, _)| key).collect(),
                _ => Vec::new(),
            });
            let values = part(expression, |node| match node {
                Node::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
                _ => Vec::new(),
            });
            let key = widen_parts(&keys, other_key, key).map_err(|error| error.unwrap_or_else(none))?;
            let value =
                widen_parts(&values, other_value, value).map_err(|error| error.unwrap_or_else(none))?;
            Ok(SqlType::map(key, value))
        }
        (SqlType::Struct(fields), SqlType::Struct(others)) => {
            let mut result = fields.clone();
            for other in others {
                let parts = part(expression, |node| match node {
                    Node::Struct(fields) => fields
                        .iter()
                        .filter(|(name, _)| *name == other.name)
                        .map(|(_, value)| value)
                        .collect(),
                    _ => Vec::new(),
                });
                match result.iter_mut().find(|field| field.name == other.name) {
                    Some(field) => {
                        field.data_type = widen_parts(&parts, &other.data_type, &field.data_type)
                            .map_err(|error| error.unwrap_or_else(none))?;
                    }
                    None => result.push(StructField::new(other.name.clone(), other.data_type.clone())),
                }
            }
            Ok(SqlType::Struct(result))
        }
        _ => Err(none()),
    }
}

/// The parts of a constructor, or nothing where the nested value is not written out.
fn part<'a>(
    expression: &'a Expression,
    parts: impl FnOnce(&'a Node) -> Vec<&'a Expression>,
) -> Vec<&'a Expression> {
    parts(&expression.node)
}

/// As [`widen`] for the parts of a nested value. An error without text means that the whole does not
/// fit; one with text is about a part that is written out.
fn widen_parts(
    parts: &[&Expression],
    data_type: &SqlType,
    common: &SqlType,
) -> Result<SqlType, Option<SqlError>> {
    if data_type == common {
        return Ok(common.clone());
    }
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| match &part.node {
            Node::Literal(Literal::String(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    if *data_type == SqlType::String && !texts.is_empty() && texts.len() == parts.len() {
        return texts.iter().zip(parts).try_fold(common.clone(), |common, (text, part)| {
            type_of_text(text, &common).ok_or_else(|| Some(not_readable(part, text, &common)))
        });
    }
    let whole = Expression::new(Node::Literal(Literal::Null), Span::empty());
    let expression = match parts {
        [part] => part,
        _ => &whole,
    };
    widen(expression, data_type, common)
        .map_err(|error| Some(error).filter(|error| error.kind == SqlErrorKind::InvalidLiteral))
}

/// The value of text that is written out, in the type that the text took.
fn written_value(expression: &Expression, common: &SqlType) -> Option<Expr> {
    match &expression.node {
        Node::Literal(Literal::String(text)) => {
            value_of_text(text, common).map(|value| Expr::Literal(value, None))
        }
        _ => None,
    }
}

/// The type that holds values of `common` and the value that the text is; `None` if it is none.
fn type_of_text(text: &str, common: &SqlType) -> Option<SqlType> {
    if common.is_numeric() && *common != SqlType::Double {
        let found = number(text.trim(), Span::empty()).ok()?.sql_type()?;
        return widest_number(&found, common);
    }
    value_of_text(text, common).map(|_| common.clone())
}

fn not_readable(expression: &Expression, text: &str, common: &SqlType) -> SqlError {
    let message = format!("invalid input syntax for type {}: \"{text}\".", common.base_name());
    SqlError::new(SqlErrorKind::InvalidLiteral, message).at(expression.span)
}

fn no_operator(expression: &Expression, data_type: &SqlType, common: &SqlType) -> SqlError {
    SqlError::type_error(format!("operator does not exist: {common} = {data_type} ({expression})"))
        .at(expression.span)
        .with_hint("You might need to add explicit type casts.")
}
