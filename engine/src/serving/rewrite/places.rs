//! Where a column or function is first named in a query, or a text first written.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Value, ValueWithSpan, Visit, Visitor};
use datafusion::sql::sqlparser::tokenizer::Span;
use tidemill_sql::Position;

/// The place of the first mention of a column (`name`, `table.name`) or function.
pub(in crate::serving) fn place_of(query: &Query, name: &str) -> Option<Position> {
    let first = query.visit(&mut Mention(name)).break_value()?;
    Position::from_location(first.span.start)
}

/// The place of the first string that holds this text.
pub(in crate::serving) fn place_of_text(query: &Query, text: &str) -> Option<Position> {
    let span = query.visit(&mut WrittenText(text)).break_value()?;
    Position::from_location(span.start)
}

struct WrittenText<'a>(&'a str);

impl Visitor for WrittenText<'_> {
    type Break = Span;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Span> {
        match expr {
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) if text == self.0 => {
                ControlFlow::Break(*span)
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

struct Mention<'a>(&'a str);

impl Visitor for Mention<'_> {
    type Break = Ident;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Ident> {
        let parts: Vec<&Ident> = match expr {
            Expr::Identifier(name) => vec![name],
            Expr::CompoundIdentifier(parts) => parts.iter().collect(),
            Expr::Function(function) => function.name.0.iter().filter_map(|part| part.as_ident()).collect(),
            _ => Vec::new(),
        };
        let named = parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        match parts.first() {
            Some(first) if named.eq_ignore_ascii_case(self.0) => ControlFlow::Break((*first).clone()),
            _ => ControlFlow::Continue(()),
        }
    }
}
