//! What server and session tell of themselves, for queries about something else:
//! `SELECT current_user, count(*) FROM orders`.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::sql::sqlparser::ast::{Expr, Query, Visit, Visitor};

use super::functions;
use super::knowledge::Knowledge;
use super::snapshot::CatalogSnapshot;

/// The functions about server and session, if the query calls one of them; `snapshot` is made only then.
#[must_use]
pub fn session_functions(query: &Query, snapshot: impl FnOnce() -> CatalogSnapshot) -> Vec<ScalarUDF> {
    match query.visit(&mut Calls) {
        ControlFlow::Break(()) => functions::of_session(&Arc::new(Knowledge::new(snapshot()))).collect(),
        ControlFlow::Continue(()) => Vec::new(),
    }
}

struct Calls;

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && functions::is_of_session(&name.value.to_lowercase())
        {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}
