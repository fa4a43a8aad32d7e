//! Names of result columns: those that Postgres gives to expressions without an alias.
//!
//! Clients read columns by these names, and DataFusion refuses two columns of one name. So a second
//! column of a name gets a mark, which [`shown_name`] takes off when the result is shown.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, Expr, Ident, Query, Select, SelectItem, VisitMut, VisitorMut,
};

use super::{folded, last_part};

/// What comes between a name and the number that tells it from others; no name written in SQL has it.
const MARK: char = '\u{1}';

/// Gives every column of every SELECT its name.
pub(super) fn name_columns(query: &mut Query) {
    let _ = query.visit(&mut Selects);
}

/// A column's name as clients see it.
pub(in crate::system_catalog) fn shown_name(name: &str) -> &str {
    name.split_once(MARK).map_or(name, |(name, _)| name)
}

struct Selects;

impl VisitorMut for Selects {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken = HashSet::new();
        // A wildcard may bring a column of any name.
        let has_wildcard = select
            .projection
            .iter()
            .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
        for (index, item) in select.projection.iter_mut().enumerate() {
            let (expr, name, is_plain) = match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = default_name(expr).unwrap_or_else(|| "?column?".to_owned());
                    // A plain column has its name already, unless another one has it too.
                    if is_column(expr) && !has_wildcard && taken.insert(name.clone()) {
                        continue;
                    }
                    let is_plain = is_column(expr);
                    (std::mem::replace(expr, super::operators::null()), name, is_plain)
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let name = folded(alias);
                    if taken.insert(name.clone()) {
                        continue;
                    }
                    (std::mem::replace(expr, super::operators::null()), name, false)
                }
                _ => continue,
            };
            let is_first = taken.insert(name.clone());
            let unique =
                if is_first && !(has_wildcard && is_plain) { name } else { format!("{name}{MARK}{index}") };
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
        }
        ControlFlow::Continue(())
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// The name that Postgres gives to an expression's column; `None` where it has nothing to name it after.
fn default_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::CompoundFieldAccess { root, access_chain } => match access_chain.last() {
            Some(AccessExpr::Dot(Expr::Identifier(field))) => Some(folded(field)),
            _ => default_name(root),
        },
        Expr::Function(function) => last_part(&function.name).map(|name| {
            // A cast that is shown as a name was named after what it casts.
            let of_cast = name.strip_suffix("_name").filter(|kind| kind.starts_with("reg"));
            of_cast.and_then(|_| first_argument_name(expr)).unwrap_or(name)
        }),
        Expr::Cast { expr, data_type, .. } => default_name(expr).or_else(|| type_name(data_type)),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => default_name(inner),
        Expr::Case { else_result, .. } => {
            let after_else = else_result.as_deref().and_then(|expr| match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_) => default_name(expr),
                _ => None,
            });
            after_else.or_else(|| Some("case".to_owned()))
        }
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Subquery(query) => match query.body.as_select()?.projection.first()? {
            SelectItem::UnnamedExpr(expr) => default_name(expr),
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        },
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Trim { .. } => Some("btrim".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Interval(_) => Some("interval".to_owned()),
        _ => None,
    }
}

fn first_argument_name(call: &Expr) -> Option<String> {
    use datafusion::sql::sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    let Expr::Function(function) = call else {
        return None;
    };
    match &function.args {
        FunctionArguments::List(list) => match list.args.first()? {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => default_name(argument),
            _ => None,
        },
        _ => None,
    }
}

fn type_name(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Custom(name, _) => last_part(name)?,
        DataType::Text => "text".to_owned(),
        DataType::Int(_) | DataType::Integer(_) => "int4".to_owned(),
        DataType::BigInt(_) => "int8".to_owned(),
        DataType::SmallInt(_) => "int2".to_owned(),
        DataType::Boolean | DataType::Bool => "bool".to_owned(),
        DataType::Regclass => "regclass".to_owned(),
        other => other.to_string().to_lowercase(),
    })
}
