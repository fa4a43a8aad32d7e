//! Subqueries that depend on the query around them, or that DataFusion has no plan for.
//!
//! Postgres evaluates any subquery anywhere. DataFusion plans those that it can turn into joins, which
//! leaves out most of what clients write on the catalogs: a scalar subquery that is not an aggregate,
//! EXISTS in a result column, `ARRAY(SELECT …)`. Catalog tables are small, so here such a subquery becomes
//! a function of the outer columns it mentions, and is run once for each combination of their values.
//!
//! `(SELECT f(d.x) FROM d WHERE d.id = a.id)` → `subquery_0_0(a.id)`, with `a.id` inside replaced by
//! `outer_0_0()`. The first number is the depth: a subquery's own subqueries are taken out when it is
//! planned, and may mention values of every query around them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, Query, Select, UnaryOperator, Visit, VisitMut, Visitor, VisitorMut,
};

use super::scope::{CommonTables, Scope, Sight, add_common_tables};
use super::{call, last_part};

/// What is wanted of a subquery's rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::system_catalog) enum SubqueryKind {
    /// The one value of the one row, or null.
    Scalar,
    /// Whether there is a row.
    Exists,
    /// The values of all rows, as a list.
    Array,
    /// Whether a row's value equals the first argument.
    Contains,
}

/// A subquery taken out of a query.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(in crate::system_catalog) struct Subquery {
    pub(in crate::system_catalog) kind: SubqueryKind,
    /// The query, with [`outer_name`] calls for the values it is given.
    pub(in crate::system_catalog) query: Box<Query>,
    /// Number of outer values.
    pub(in crate::system_catalog) outer_values: usize,
}

/// The function that stands for an outer value inside the subqueries of a query of some depth.
pub(in crate::system_catalog) fn outer_name(depth: usize, index: usize) -> String {
    format!("outer_{depth}_{index}")
}

/// The function that stands for a subquery of a query of some depth.
pub(in crate::system_catalog) fn subquery_name(depth: usize, index: usize) -> String {
    format!("subquery_{depth}_{index}")
}

/// Takes the dependent subqueries out of a query of some depth. In their places are calls, by
/// [`subquery_name`] of their place in the result, with their outer values as arguments (behind the value
/// looked for, where it is [`SubqueryKind::Contains`]).
pub(in crate::system_catalog) fn take_subqueries(query: &mut Query, depth: usize) -> Vec<Subquery> {
    let mut taker = Taker { depth, scopes: Vec::new(), common: vec![CommonTables::new()], taken: Vec::new() };
    let _ = VisitMut::visit(query, &mut taker);
    taker.taken
}

struct Taker {
    depth: usize,
    /// Scopes of the SELECTs around, the innermost last.
    scopes: Vec<Scope>,
    common: Vec<CommonTables>,
    taken: Vec<Subquery>,
}

impl VisitorMut for Taker {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut common = self.common.last().cloned().unwrap_or_default();
        add_common_tables(query, &mut common);
        self.common.push(common);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.common.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let scope = self.common.last().map(|common| Scope::of(select, common)).unwrap_or_default();
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let replacement = match expr {
            Expr::Subquery(query) => self.take(SubqueryKind::Scalar, query, None),
            Expr::Exists { subquery, negated } => {
                let negated = *negated;
                self.take(SubqueryKind::Exists, subquery, None).map(|call| not(negated, call))
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let (looked_for, negated) = (expr.as_ref().clone(), *negated);
                self.take(SubqueryKind::Contains, subquery, Some(looked_for)).map(|call| not(negated, call))
            }
            Expr::Function(function) => match &mut function.args {
                FunctionArguments::Subquery(query)
                    if last_part(&function.name).is_some_and(|name| name == "array") =>
                {
                    self.take(SubqueryKind::Array, query, None)
                }
                _ => None,
            },
            _ => None,
        };
        if let Some(replacement) = replacement {
            *expr = replacement;
        }
        ControlFlow::Continue(())
    }
}

impl Taker {
    /// Takes a subquery out if DataFusion could not plan it where it is; gives the call for its place.
    fn take(&mut self, kind: SubqueryKind, query: &mut Query, looked_for: Option<Expr>) -> Option<Expr> {
        let outer = self.scopes.last().cloned().unwrap_or_default();
        let mut replaced = query.clone();
        let mut finder = OuterReferences {
            depth: self.depth,
            outer: &outer,
            inner: Vec::new(),
            common: vec![self.common.last().cloned().unwrap_or_default()],
            found: Vec::new(),
        };
        let _ = VisitMut::visit(&mut replaced, &mut finder);
        let references = finder.found;
        if references.is_empty() && kind != SubqueryKind::Array {
            return None;
        }
        // A subquery that uses a WITH query of the outer one takes it along.
        if query_mentions(&replaced, self.common.last()) {
            return None;
        }
        let name = subquery_name(self.depth, self.taken.len());
        let subquery = Subquery { kind, query: Box::new(replaced), outer_values: references.len() };
        self.taken.push(subquery);
        Some(call(&name, looked_for.into_iter().chain(references).collect()))
    }
}

/// Whether a query reads one of the WITH queries around it.
fn query_mentions(query: &Query, common: Option<&CommonTables>) -> bool {
    struct Mentions<'a>(&'a CommonTables);
    impl Visitor for Mentions<'_> {
        type Break = ();
        fn pre_visit_relation(
            &mut self,
            relation: &datafusion::sql::sqlparser::ast::ObjectName,
        ) -> ControlFlow<()> {
            let known =
                relation.0.len() == 1 && last_part(relation).is_some_and(|name| self.0.contains_key(&name));
            if known { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    common.is_some_and(|common| Visit::visit(query, &mut Mentions(common)).is_break())
}

fn not(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

/// Finds a subquery's references to the query around it, and replaces them.
struct OuterReferences<'a> {
    depth: usize,
    outer: &'a Scope,
    /// Scopes of the SELECTs inside, the innermost last.
    inner: Vec<Scope>,
    common: Vec<CommonTables>,
    found: Vec<Expr>,
}

impl OuterReferences<'_> {
    fn is_outer(&self, expr: &Expr) -> bool {
        match expr {
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., relation, _] => {
                    !self.inner.iter().any(|scope| scope.relation(relation)) && self.outer.relation(relation)
                }
                _ => false,
            },
            Expr::Identifier(column) => {
                // The innermost relation that has the column is meant; one that cannot be looked into might
                // have it.
                let inside = self.inner.iter().rev().map(|scope| scope.column(column));
                inside.into_iter().all(|sight| sight == Sight::No) && self.outer.column(column) == Sight::Yes
            }
            _ => false,
        }
    }
}

impl VisitorMut for OuterReferences<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut common = self.common.last().cloned().unwrap_or_default();
        add_common_tables(query, &mut common);
        // ORDER BY is outside of the SELECT and sees the same relations, and the result's columns.
        let ordering = query.body.as_select().map(|select| Scope::of(select, &common)).unwrap_or_default();
        self.inner.push(ordering);
        self.common.push(common);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.inner.pop();
        self.common.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let scope = self.common.last().map(|common| Scope::of(select, common)).unwrap_or_default();
        self.inner.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &mut Select) -> ControlFlow<()> {
        self.inner.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.is_outer(expr) {
            let index = self.found.iter().position(|found| found == expr).unwrap_or_else(|| {
                self.found.push(expr.clone());
                self.found.len() - 1
            });
            *expr = call(&outer_name(self.depth, index), Vec::new());
        }
        ControlFlow::Continue(())
    }
}
