//! Casts: `x::regclass`, `x::pg_catalog.text`, `x::oid`, `'{1,2}'::oid[]`.
//!
//! A value of `regclass` and its kin is a number that is shown as a name. Here it is a number where it is
//! computed with, and a name where it is shown: as a column of the result, and before a cast to text.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, ObjectName, Query, SelectItem, SetExpr,
};

use super::operators::{array_elements, null, string, string_array};
use super::{call, last_part};

/// Types whose values are numbers shown as names.
const NAMED_NUMBERS: [&str; 6] =
    ["regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"];

/// Columns of the result that are casts to `regclass` and its kin become names.
pub(super) fn show_names(query: &mut Query) {
    for_each_result_column(&mut query.body, &mut |expr| {
        if let Some(kind) = named_number(expr) {
            let number = std::mem::replace(expr, null());
            *expr = call(&format!("{kind}_name"), vec![number]);
        }
    });
}

/// Rewrites one expression whose parts have been rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    let Expr::Cast { expr: inner, data_type, .. } = expr else {
        return;
    };
    if let Some(kind) = named_number_type(data_type) {
        let inner = std::mem::replace(inner.as_mut(), null());
        *expr = call(&format!("{kind}_oid"), vec![inner]);
        return;
    }
    if is_text(data_type)
        && let Some(kind) = number_call(inner)
    {
        let inner = std::mem::replace(inner.as_mut(), null());
        *expr = call(&format!("{kind}_name"), vec![inner]);
        return;
    }
    if matches!(data_type, DataType::Array(_))
        && let Some(elements) = string(inner).and_then(array_elements)
    {
        **inner = string_array(elements);
    }
    *data_type = planned_type(data_type);
}

fn for_each_result_column(body: &mut SetExpr, change: &mut impl FnMut(&mut Expr)) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                    change(expr);
                }
            }
        }
        SetExpr::Query(query) => for_each_result_column(&mut query.body, change),
        SetExpr::SetOperation { left, right, .. } => {
            for_each_result_column(left, change);
            for_each_result_column(right, change);
        }
        _ => {}
    }
}

/// The kind of a cast to a number that is shown as a name.
fn named_number(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Cast { data_type, .. } => named_number_type(data_type),
        Expr::Nested(inner) => named_number(inner),
        _ => None,
    }
}

fn named_number_type(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Custom(name, _) => last_part(name)?,
        DataType::Regclass => "regclass".to_owned(),
        _ => return None,
    };
    let kind = NAMED_NUMBERS.into_iter().find(|known| *known == name)?;
    Some(if kind == "regprocedure" { "regproc" } else { kind })
}

/// The kind of a cast that has become a call.
fn number_call(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Function(function) => {
            let name = last_part(&function.name)?;
            let kind = name.strip_suffix("_oid")?;
            NAMED_NUMBERS.into_iter().find(|known| *known == kind)
        }
        Expr::Nested(inner) => number_call(inner),
        _ => None,
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Text | DataType::Varchar(_) => true,
        DataType::Custom(name, _) => last_part(name).is_some_and(|name| name == "text" || name == "name"),
        _ => false,
    }
}

/// The type in DataFusion's words.
fn planned_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Custom(name, _) => custom_type(name).unwrap_or_else(|| data_type.clone()),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, size)) => {
            DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(planned_type(element)), *size))
        }
        DataType::CharacterVarying(_) => DataType::Text,
        DataType::JSON | DataType::JSONB | DataType::Uuid => DataType::Text,
        other => other.clone(),
    }
}

fn custom_type(name: &ObjectName) -> Option<DataType> {
    Some(match last_part(name)?.as_str() {
        "oid" | "xid" | "cid" => DataType::IntUnsigned(None),
        "text" | "name" | "char" | "bpchar" | "varchar" | "cstring" | "aclitem" | "unknown"
        | "pg_node_tree" | "json" | "jsonb" | "inet" | "uuid" => DataType::Text,
        "bool" => DataType::Boolean,
        "int2" => DataType::SmallInt(None),
        "int4" => DataType::Int(None),
        "int8" => DataType::BigInt(None),
        "float4" => DataType::Real,
        "float8" => DataType::Double(datafusion::sql::sqlparser::ast::ExactNumberInfo::None),
        "int2vector" => {
            DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::SmallInt(None)), None))
        }
        "oidvector" => {
            DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::IntUnsigned(None)), None))
        }
        _ => return None,
    })
}
