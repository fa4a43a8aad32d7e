//! ksqlDB's second kind of query over changes: one that only passes on what another query writes from now on.
//!
//! ksqlDB runs it without a query of its own behind it where `ksql.query.push.v2.enabled` is on and the
//! statement allows it. Here it is a query over changes as any other; what differs is which records it
//! gives: none that has no value, or no key where there are key columns.

use std::borrow::Cow;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, Value, visit_expressions};
use tidemill_sql::lookup::{Lookup, Source, SourceKind};
use tidemill_sql::parser::ast::{Emit, KsqlSelect, Relation, SelectBody, SelectItem, SelectStatement};
use tidemill_sql::parser::identifier::stored_name;
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION};

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::query::StartAt;
use crate::session::Session;
use crate::statements::settings::is_on;

/// The setting that allows it.
const ENABLED: &str = "ksql.query.push.v2.enabled";

/// The query as it is to be planned: itself, or where it is of this kind over a stream, without what it does
/// not give.
///
/// # Errors
/// `Unsupported` within ksqlDB's limits, for columns that ksqlDB cannot give beside all others.
pub(super) fn adjusted<'s>(
    session: &Session,
    select: &'s SelectStatement,
) -> Result<Cow<'s, SelectStatement>> {
    let SelectBody::Ksql(body) = &select.body else { return Ok(Cow::Borrowed(select)) };
    if select.emit != Some(Emit::Changes) || !is_enabled(session) {
        return Ok(Cow::Borrowed(select));
    }
    let lookup = session.lookup();
    let Some(source) = passed_on(session, body, &lookup) else { return Ok(Cow::Borrowed(select)) };
    let is_star =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard { .. } | SelectItem::SourceWildcard { .. });
    if body.projection.len() > 1 && body.projection.iter().any(is_star) && session.within_ksqldb_limits() {
        let message =
            "Scalable push queries only support wildcards in the projects if they are the only expression";
        return Err(Error::new(ErrorKind::Unsupported, message).with_hint("name the columns"));
    }
    if source.kind == SourceKind::Table {
        return Ok(Cow::Borrowed(select));
    }
    let condition = match &body.where_ {
        Some(own) => both(has_key(&source), own.clone()),
        None => has_key(&source),
    };
    let body = KsqlSelect { where_: Some(condition), ..body.as_ref().clone() };
    Ok(Cow::Owned(SelectStatement { body: SelectBody::Ksql(Box::new(body)), ..select.clone() }))
}

fn is_enabled(session: &Session) -> bool {
    session.setting(ENABLED).is_some_and(|value| is_on(&value))
        && session.start_at(StartAt::Latest) == StartAt::Latest
}

/// The only source of a query that passes it on: one that exactly one query writes, and that is neither
/// grouped nor joined.
fn passed_on(session: &Session, body: &KsqlSelect, lookup: &dyn Lookup) -> Option<std::sync::Arc<Source>> {
    let plain = body.window.is_none()
        && body.group_by.is_empty()
        && body.partition_by.is_empty()
        && body.having.is_none();
    let Relation::Source { name, .. } = &body.from else { return None };
    let source = lookup.resolve(name)?;
    let is_written = session.engine().catalog().state().writers(&source.name).len() == 1;
    let names_place = body.expressions().any(|expression| {
        let named = visit_expressions(expression, |part| match part {
            Expr::Identifier(name) if is_place(name) => ControlFlow::Break(()),
            Expr::CompoundIdentifier(names) if names.last().is_some_and(is_place) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        named.is_break()
    });
    (plain && is_written && !names_place).then_some(source)
}

/// Whether a name is that of a record's place, which what is passed on does not have.
fn is_place(name: &Ident) -> bool {
    [ROWPARTITION, ROWOFFSET].contains(&stored_name(name).as_str())
}

/// That a record has a key, where there are columns of one; as any condition, it holds for no record without
/// a value.
fn has_key(source: &Source) -> Expr {
    let keys = source.key_columns().map(|column| {
        let name = Expr::Identifier(Ident::with_quote('"', &column.name));
        Expr::IsNotNull(Box::new(name))
    });
    let either = |left, right| binary(left, BinaryOperator::Or, right);
    keys.reduce(either).unwrap_or_else(|| Expr::value(Value::Boolean(true)))
}

fn both(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::And, right)
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    let nested = |expr| Box::new(Expr::Nested(Box::new(expr)));
    Expr::BinaryOp { left: nested(left), op, right: nested(right) }
}
