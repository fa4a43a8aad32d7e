//! `DATEADD(DAYS, …)`: the unit of time as the literal that the function takes.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Value, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::tokenizer::Span;
use tidemill_sql::parser::expression::interval_unit;

/// Rewrites every unit of time.
pub(super) fn rewrite(query: &mut Query) {
    let ControlFlow::Continue(()) = query.visit(&mut IntervalUnits);
}

struct IntervalUnits;

impl VisitorMut for IntervalUnits {
    type Break = std::convert::Infallible;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Some(unit) = interval_unit(expr) {
            let literal = Value::SingleQuotedString(unit.to_owned());
            *expr = Expr::Value(literal.with_span(Span::empty()));
        }
        ControlFlow::Continue(())
    }
}
