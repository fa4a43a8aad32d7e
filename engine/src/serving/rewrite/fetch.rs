//! `FETCH FIRST n ROWS ONLY` is `LIMIT n`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, LimitClause, Query, Value, VisitMut, VisitorMut};

/// Rewrites it wherever it stands for a LIMIT.
pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Fetches);
}

struct Fetches;

impl VisitorMut for Fetches {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(fetch) = query.fetch.take_if(|fetch| !fetch.percent && !fetch.with_ties) else {
            return ControlFlow::Continue(());
        };
        let quantity = fetch.quantity.unwrap_or_else(|| Expr::value(Value::Number("1".to_owned(), false)));
        match &mut query.limit_clause {
            None => {
                let limit = Some(quantity);
                query.limit_clause =
                    Some(LimitClause::LimitOffset { limit, offset: None, limit_by: Vec::new() });
            }
            Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(quantity),
            // Both LIMIT and FETCH: the planner refuses it.
            Some(_) => {
                query.fetch = Some(datafusion::sql::sqlparser::ast::Fetch {
                    with_ties: false,
                    percent: false,
                    quantity: Some(quantity),
                });
            }
        }
        ControlFlow::Continue(())
    }
}
