//! ROWTIME, ROWPARTITION and ROWOFFSET: there for those who name them, and no part of `*`.
//!
//! A query that names none of them is planned over relations that have none. In one that does, each `*`
//! becomes the relations' own `*`, with these columns excluded.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
    WildcardAdditionalOptions,
};
use tidemill_sql::lookup::SourceKind;
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME};

use crate::catalog::CatalogState;
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::session::Dialect;

/// Whether a query names a pseudo column.
pub(super) fn are_named(query: &Query) -> bool {
    query.visit(&mut Mentions).is_break()
}

/// Takes the pseudo columns out of every `*`.
///
/// # Errors
/// `Unsupported`: a NATURAL JOIN would join by them too.
pub(super) fn leave_out(query: &mut Query, catalog: &CatalogState, dialect: Dialect) -> Result<()> {
    let mut derived = DerivedNames::default();
    let _ = Visit::visit(&*query, &mut derived);
    let mut wildcards = Wildcards { catalog, dialect, derived: derived.0 };
    match VisitMut::visit(query, &mut wildcards) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Mentions;

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(parts) => match parts.last() {
                Some(name) => name,
                None => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        let is_pseudo = |pseudo: &&str| pseudo.eq_ignore_ascii_case(&name.value);
        if [ROWTIME, ROWPARTITION, ROWOFFSET].iter().any(is_pseudo) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// Names that WITH gives to queries: they hide streams and tables.
#[derive(Default)]
struct DerivedNames(HashSet<String>);

impl Visitor for DerivedNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| folded(&table.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Wildcards<'a> {
    catalog: &'a CatalogState,
    dialect: Dialect,
    derived: HashSet<String>,
}

/// A relation of a FROM clause.
struct FromRelation {
    /// How columns are qualified with it.
    qualifier: ObjectName,
    /// Its pseudo columns, and the columns that the relation it is joined with has too.
    hidden: Vec<Ident>,
}

impl VisitorMut for Wildcards<'_> {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let relations = match self.relations(select) {
            Ok(relations) => relations,
            Err(error) => return ControlFlow::Break(error),
        };
        // Where a relation has no name there is nothing to write before its `*`: it is left as it is.
        let Some(relations) = relations else { return ControlFlow::Continue(()) };
        let mut projection = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(options) if options == WildcardAdditionalOptions::default() => {
                    projection.extend(relations.iter().map(own_wildcard));
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options)
                    if options == WildcardAdditionalOptions::default() =>
                {
                    let last = |name: &ObjectName| name.0.last().and_then(|part| part.as_ident().map(folded));
                    let found = relations.iter().find(|relation| last(&relation.qualifier) == last(&name));
                    projection.push(match found {
                        Some(relation) => own_wildcard(relation),
                        None => SelectItem::QualifiedWildcard(
                            SelectItemQualifiedWildcardKind::ObjectName(name),
                            options,
                        ),
                    });
                }
                other => projection.push(other),
            }
        }
        select.projection = projection;
        ControlFlow::Continue(())
    }
}

impl Wildcards<'_> {
    /// The relations of a SELECT; `None` where one of them has no name.
    fn relations(&self, select: &Select) -> Result<Option<Vec<FromRelation>>> {
        let mut relations = Vec::new();
        for from in &select.from {
            let Some(first) = self.relation(&from.relation) else { return Ok(None) };
            relations.push(first);
            for join in &from.joins {
                let Some(mut relation) = self.relation(&join.relation) else { return Ok(None) };
                match constraint(&join.join_operator) {
                    Some(JoinConstraint::Natural) => {
                        let message = "NATURAL JOIN would join by pseudo columns too";
                        return Err(Error::new(ErrorKind::Unsupported, message)
                            .with_hint("name the columns: JOIN … USING (column, …)"));
                    }
                    Some(JoinConstraint::Using(columns)) => {
                        let columns = columns.iter().filter_map(|column| column.0.last()?.as_ident());
                        relation.hidden.extend(columns.cloned());
                    }
                    Some(_) => {}
                    None => return Ok(None),
                }
                relations.push(relation);
            }
        }
        Ok(Some(relations))
    }

    fn relation(&self, factor: &TableFactor) -> Option<FromRelation> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let qualifier = match alias {
                    Some(alias) => ObjectName::from(vec![alias.name.clone()]),
                    None => name.clone(),
                };
                let hidden = self.pseudo_columns(name);
                Some(FromRelation { qualifier, hidden })
            }
            TableFactor::Derived { alias: Some(alias), .. } => {
                let qualifier = ObjectName::from(vec![alias.name.clone()]);
                Some(FromRelation { qualifier, hidden: Vec::new() })
            }
            _ => None,
        }
    }

    fn pseudo_columns(&self, name: &ObjectName) -> Vec<Ident> {
        let Some(last) = name.0.last().and_then(|part| part.as_ident()).map(folded) else {
            return Vec::new();
        };
        let sources = &self.catalog.sources;
        let stored = names::stored(self.dialect, &last, sources.keys().map(String::as_str));
        let found = stored.and_then(|name| sources.get(name));
        let pseudo: &[&str] = match found {
            Some(_) if name.0.len() == 1 && self.derived.contains(&last) => &[],
            Some(found) if found.source.kind == SourceKind::Table => &[ROWTIME],
            Some(_) => &[ROWTIME, ROWPARTITION, ROWOFFSET],
            None => &[],
        };
        pseudo.iter().map(|name| Ident::with_quote('"', names::shown(self.dialect, name))).collect()
    }
}

fn own_wildcard(relation: &FromRelation) -> SelectItem {
    let hidden = relation.hidden.iter().map(|name| ObjectName::from(vec![name.clone()])).collect::<Vec<_>>();
    let opt_exclude = (!hidden.is_empty()).then_some(ExcludeSelectItem::Multiple(hidden));
    SelectItem::QualifiedWildcard(
        SelectItemQualifiedWildcardKind::ObjectName(relation.qualifier.clone()),
        WildcardAdditionalOptions { opt_exclude, ..WildcardAdditionalOptions::default() },
    )
}

/// What a join is by; `None` where a `*` does not simply have the columns of both sides, or where the
/// common columns are the right side's.
fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => {
            (!matches!(constraint, JoinConstraint::Using(_))).then_some(constraint)
        }
        _ => None,
    }
}

fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}
