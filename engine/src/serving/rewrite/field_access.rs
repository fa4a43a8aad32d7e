//! `base->field`, ksqlDB's access to a field of a struct, as `base['FIELD']`, which DataFusion plans.
//!
//! A result column that is a field gets the field's name, as in continuous queries; a second of that name is
//! numbered.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, Query, Select, SelectItem, Subscript, Value, VisitMut, VisitorMut,
};
use tidemill_sql::parser::expression::field_access;

use crate::names;
use crate::session::Dialect;

/// Rewrites every access.
pub(super) fn rewrite(query: &mut Query, dialect: Dialect) {
    let _ = query.visit(&mut FieldAccesses { dialect });
}

struct FieldAccesses {
    dialect: Dialect,
}

impl VisitorMut for FieldAccesses {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken: HashSet<String> = select.projection.iter().filter_map(own_name).collect();
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && let Some((_, field)) = field_access(expr)
            {
                let field = stored(field);
                let numbered = (1..).map(|number| format!("{field}_{number}"));
                let free = std::iter::once(field.clone())
                    .chain(numbered)
                    .find(|name| taken.insert(name.to_uppercase()));
                let alias = Ident::with_quote('"', names::shown(self.dialect, &free.unwrap_or(field)));
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some((base, field)) = field_access(expr) {
            let index = Expr::value(Value::SingleQuotedString(stored(field)));
            *expr = Expr::CompoundFieldAccess {
                root: Box::new(base.clone()),
                access_chain: vec![AccessExpr::Subscript(Subscript::Index { index })],
            };
        }
        ControlFlow::Continue(())
    }
}

/// The name that a result column has without being given one here, in upper case.
fn own_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.to_uppercase()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => Some(parts.last()?.value.to_uppercase()),
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_uppercase()),
        _ => None,
    }
}

/// The stored name of a field: upper-case unless it was quoted.
fn stored(field: &Ident) -> String {
    if field.quote_style.is_some() { field.value.clone() } else { field.value.to_uppercase() }
}
