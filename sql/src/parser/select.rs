//! `SELECT`: ksqlDB's grammar first, the general one where that does not fit.
//!
//! A query is read twice at most. The ksqlDB grammar is tried on it; if the text does not fit, or
//! fits but has something only the general planner knows (a subquery, `OVER`), sqlparser reads it
//! from the beginning. If neither can, the error is the one of the grammar that got further.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Function, GroupByExpr, LimitClause, Query, SetExpr, Spanned, TableFactor, Visit, Visitor,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token};

use super::ast::{
    Emit, Join, JoinKind, KsqlSelect, Relation, SelectBody, SelectItem, SelectStatement, Statement,
};
use super::cursor::TokenCursor;
use super::dialect::VALUE_EXPRESSION_PRECEDENCE;
use super::expression::{copy_of, struct_wildcard};
use super::identifier::Name;
use super::syntax_error::{carry, conclusive};
use super::window_clause::{parse_window, parse_within, refuse_late_window};
use crate::error::SqlError;

/// What a query is for, which decides how ksqlDB's grammar binds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its rows go to whoever asked. Postgres's grammar is as good as ksqlDB's.
    Read,
    /// It runs on and fills a source. What ksqlDB's grammar could say but says differently is an
    /// error, so that a statement means here what it means there.
    Persist,
}

/// Reads a query as a statement of its own.
pub(crate) fn parse_query_statement(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let query = parse_select(parser, Purpose::Read)?;
    Ok(Statement::Query(Box::new(query)))
}

/// Reads a query up to the end of the text or a closing parenthesis.
pub(crate) fn parse_select(
    parser: &mut Parser<'_>,
    purpose: Purpose,
) -> Result<SelectStatement, ParserError> {
    let mut reached = Location::empty();
    let ksql = parser.try_parse(|parser| {
        let query = parse_ksql(parser).and_then(|query| at_end(parser, query));
        reached = parser.here();
        query
    });
    match ksql {
        Ok(query) => Ok(query),
        Err(error @ (ParserError::RecursionLimitExceeded | ParserError::TokenizerError(_))) => Err(error),
        Err(ksql_error) => {
            let general = parse_general(parser).and_then(|query| at_end(parser, query));
            match general {
                Ok(query) if purpose == Purpose::Persist && could_be_ksql(&query) => {
                    Err(conclusive(ksql_error))
                }
                Ok(query) => Ok(query),
                Err(error @ ParserError::RecursionLimitExceeded) => Err(error),
                Err(general_error) if is_behind(reached, parser.here()) => Err(general_error),
                Err(_) => Err(ksql_error),
            }
        }
    }
}

/// Whether `further` lies behind `near`; the empty location is the end of the text.
fn is_behind(near: Location, further: Location) -> bool {
    near.line > 0 && (further.line == 0 || further > near)
}

fn at_end<T>(parser: &Parser<'_>, query: T) -> Result<T, ParserError> {
    if parser.at_end() || parser.peek_symbol_at(0, &Token::RParen) {
        Ok(query)
    } else {
        parser.unexpected("the end of the statement")
    }
}

fn parse_ksql(parser: &mut Parser<'_>) -> Result<SelectStatement, ParserError> {
    let start = parser.here();
    parser.expect_words(&["SELECT"])?;
    let projection = parser.parse_comma_separated(parse_select_item)?;
    parser.expect_words(&["FROM"])?;
    let from = parse_relation(parser)?;
    let window = if parser.peek_word("WINDOW") { Some(parse_window(parser)?) } else { None };
    let where_ = parse_condition(parser, "WHERE")?;
    let group_by = parse_value_list(parser, &["GROUP", "BY"])?;
    let partition_by = parse_value_list(parser, &["PARTITION", "BY"])?;
    let having = parse_condition(parser, "HAVING")?;
    refuse_late_window(parser)?;
    let emit = parse_emit(parser)?;
    let limit = parse_limit(parser)?;
    let select = KsqlSelect { projection, from, window, where_, group_by, partition_by, having };
    if let Some(error) = select.expressions().find_map(beyond_ksql) {
        return Err(error);
    }
    Ok(SelectStatement {
        body: SelectBody::Ksql(Box::new(select)),
        emit,
        limit,
        span: parser.span_from(start),
    })
}

/// Reads a query of ksqlDB's grammar and nothing else.
pub(crate) fn parse_ksql_query(parser: &mut Parser<'_>) -> Result<SelectStatement, ParserError> {
    let query = parse_ksql(parser)?;
    at_end(parser, query)
}

fn parse_general(parser: &mut Parser<'_>) -> Result<SelectStatement, ParserError> {
    let start = parser.here();
    let query = parse_general_query(parser)?;
    let emit = parse_emit(parser)?;
    let limit = match emit {
        Some(_) => parse_limit(parser)?,
        None => None,
    };
    Ok(SelectStatement {
        body: SelectBody::General(Box::new(query)),
        emit,
        limit,
        span: parser.span_from(start),
    })
}

/// Reads a query as sqlparser does, without `EMIT`.
pub(crate) fn parse_general_query(parser: &mut Parser<'_>) -> Result<Query, ParserError> {
    let start = parser.here();
    let query = parser.parse_query()?;
    if let Some(reason) = not_a_query(&query.body) {
        return Err(carry(SqlError::unsupported(reason).at_location(start)));
    }
    match query.visit(&mut WildcardFinder) {
        ControlFlow::Continue(()) => Ok(*query),
        ControlFlow::Break(error) => Err(carry(error)),
    }
}

fn parse_select_item(parser: &mut Parser<'_>) -> Result<SelectItem, ParserError> {
    let start = parser.here();
    if parser.consume_token(&Token::Mul) {
        let span = parser.span_from(start);
        return Ok(SelectItem::Wildcard { span });
    }
    if parser.peek_symbol_at(1, &Token::Period) && parser.peek_symbol_at(2, &Token::Mul) {
        let source = Name::from(parser.expect_name("the name of a source")?);
        parser.advance_token();
        parser.advance_token();
        let span = parser.span_from(start);
        return Ok(SelectItem::SourceWildcard { source, span });
    }
    let expr = parser.parse_expr()?;
    if let Some(base) = struct_wildcard(&expr) {
        let span = parser.span_from(start);
        let expr = base.clone();
        return Ok(SelectItem::StructWildcard { expr, span });
    }
    let alias = parse_alias(parser)?;
    let span = parser.span_from(start);
    Ok(SelectItem::Expression { expr, alias, span })
}

/// `[AS] name`, where the name is not the beginning of the next clause.
fn parse_alias(parser: &mut Parser<'_>) -> Result<Option<Name>, ParserError> {
    let explicit = parser.take_word("AS");
    let next_clause = parser.peek_words(&["EMIT", "CHANGES"])
        || parser.peek_words(&["EMIT", "FINAL"])
        || parser.peek_words(&["PARTITION", "BY"]);
    if !explicit && next_clause {
        return Ok(None);
    }
    let name = if explicit { parser.expect_column("a name") } else { parser.expect_name("a name") };
    match name {
        Ok(name) => Ok(Some(name.into())),
        Err(error) if explicit => Err(error),
        Err(_) => Ok(None),
    }
}

fn parse_relation(parser: &mut Parser<'_>) -> Result<Relation, ParserError> {
    let start = parser.here();
    let mut relation = parse_source(parser)?;
    while let Some(kind) = parse_join_kind(parser)? {
        let right = parse_source(parser)?;
        let within = if parser.peek_word("WITHIN") { Some(parse_within(parser)?) } else { None };
        parser.expect_words(&["ON"])?;
        let on = parser.parse_expr()?;
        relation = Relation::Join(Box::new(Join {
            left: relation,
            right,
            kind,
            within,
            on,
            span: parser.span_from(start),
        }));
    }
    Ok(relation)
}

fn parse_source(parser: &mut Parser<'_>) -> Result<Relation, ParserError> {
    let start = parser.here();
    let name = Name::from(parser.expect_name("the name of a stream or table")?);
    let alias = parse_alias(parser)?;
    let span = parser.span_from(start);
    Ok(Relation::Source { name, alias, span })
}

fn parse_join_kind(parser: &mut Parser<'_>) -> Result<Option<JoinKind>, ParserError> {
    let kind = match parser.take_one_of(&["JOIN", "INNER", "LEFT", "RIGHT", "FULL"]) {
        None => return Ok(None),
        Some("JOIN") => return Ok(Some(JoinKind::Inner)),
        Some("INNER") => JoinKind::Inner,
        Some(outer) => {
            parser.take_word("OUTER");
            match outer {
                "LEFT" => JoinKind::Left,
                "RIGHT" => JoinKind::Right,
                _ => JoinKind::Full,
            }
        }
    };
    parser.expect_words(&["JOIN"])?;
    Ok(Some(kind))
}

fn parse_condition(parser: &mut Parser<'_>, word: &str) -> Result<Option<Expr>, ParserError> {
    if parser.take_word(word) { parser.parse_expr().map(Some) } else { Ok(None) }
}

/// `GROUP BY a, b` or `GROUP BY (a, b)`.
fn parse_value_list(parser: &mut Parser<'_>, words: &[&str]) -> Result<Vec<Expr>, ParserError> {
    if !parser.take_words(words) {
        return Ok(Vec::new());
    }
    let values = parser.parse_comma_separated(parse_value)?;
    match values.as_slice() {
        [Expr::Tuple(values)] => copy_of(values),
        values => match values.iter().find(|value| matches!(value, Expr::Tuple(_))) {
            Some(tuple) => {
                Err(carry(SqlError::syntax("a list in parentheses has to be the only one").at(tuple.span())))
            }
            None => Ok(values.to_vec()),
        },
    }
}

/// What ksqlDB calls a value expression: no comparison and no `AND`.
fn parse_value(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.parse_subexpr(VALUE_EXPRESSION_PRECEDENCE)
}

fn parse_emit(parser: &mut Parser<'_>) -> Result<Option<Emit>, ParserError> {
    if !parser.take_word("EMIT") {
        return Ok(None);
    }
    match parser.take_one_of(&["CHANGES", "FINAL"]) {
        Some("CHANGES") => Ok(Some(Emit::Changes)),
        Some(_) => Ok(Some(Emit::Final)),
        None => parser.unexpected("CHANGES or FINAL"),
    }
}

fn parse_limit(parser: &mut Parser<'_>) -> Result<Option<u64>, ParserError> {
    if parser.peek_word("LIMIT") && parser.peek_symbol_at(1, &Token::Minus) {
        let start = parser.here();
        parser.advance_token();
        return Err(carry(
            SqlError::invalid(
                "Pull queries don't support negative integers in the LIMIT clause. See https://cnfl.io/queries \
                 for more info.",
            )
            .at(parser.span_from(start)),
        ));
    }
    if parser.take_word("LIMIT") { parser.expect_count("a number of rows").map(Some) } else { Ok(None) }
}

/// Why a query that sqlparser reads is none that can be planned here.
fn not_a_query(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Some("a statement that changes data cannot have a WITH clause before it")
        }
        SetExpr::Select(select) if select.into.is_some() => {
            Some("SELECT INTO is not supported; use CREATE TABLE … AS SELECT")
        }
        SetExpr::SetOperation { left, right, .. } => not_a_query(left).or_else(|| not_a_query(right)),
        _ => None,
    }
}

/// Finds `->*`, which only ksqlDB's projections have.
struct WildcardFinder;

impl Visitor for WildcardFinder {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlError> {
        match struct_wildcard(expr) {
            Some(base) => ControlFlow::Break(
                SqlError::syntax("'->*' stands only for itself in the SELECT of a continuous query")
                    .at(base.span())
                    .with_hint("name the fields that are wanted: base->field"),
            ),
            None => ControlFlow::Continue(()),
        }
    }
}

/// The error for an expression that ksqlDB's planner does not know but the general one does.
fn beyond_ksql(expr: &Expr) -> Option<ParserError> {
    struct Finder;

    impl Visitor for Finder {
        type Break = SqlError;

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SqlError> {
            let span = query.span();
            ControlFlow::Break(SqlError::unsupported("a subquery cannot stand here").at(span))
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlError> {
            let span = || expr.span();
            match expr {
                _ if struct_wildcard(expr).is_some() => WildcardFinder.pre_visit_expr(expr),
                Expr::Function(function) if is_general(function) => ControlFlow::Break(
                    SqlError::unsupported(format!("{} cannot be used so here", function.name)).at(span()),
                ),
                Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_) => {
                    ControlFlow::Break(SqlError::unsupported("grouping sets cannot be used here").at(span()))
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }

    match expr.visit(&mut Finder) {
        ControlFlow::Continue(()) => None,
        ControlFlow::Break(error) => Some(carry(error)),
    }
}

fn is_general(function: &Function) -> bool {
    let name = function.name.to_string();
    function.over.is_some()
        || !function.within_group.is_empty()
        || function.name.0.len() > 1
        || ["ROLLUP", "CUBE"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Whether a general query uses nothing that ksqlDB's grammar lacks, so that it should have been
/// read by that.
fn could_be_ksql(query: &SelectStatement) -> bool {
    struct Finder;

    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => ControlFlow::Break(()),
                Expr::Function(function) if is_general(function) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }

    let SelectBody::General(query) = &query.body else {
        return true;
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return false;
    };
    let plain_clauses = query.with.is_none()
        && query.order_by.is_none()
        && query.fetch.is_none()
        && matches!(query.limit_clause, None | Some(LimitClause::LimitOffset { offset: None, .. }))
        && select.distinct.is_none()
        && select.named_window.is_empty()
        && matches!(&select.group_by, GroupByExpr::Expressions(_, modifiers) if modifiers.is_empty());
    let plain_sources = match select.from.as_slice() {
        [from] => {
            use sqlparser::ast::{JoinConstraint, JoinOperator};
            let plain = |factor: &TableFactor| matches!(factor, TableFactor::Table { name, args: None, .. } if name.0.len() == 1);
            plain(&from.relation)
                && from.joins.iter().all(|join| {
                    plain(&join.relation)
                        && matches!(
                            &join.join_operator,
                            JoinOperator::Join(JoinConstraint::On(_))
                                | JoinOperator::Inner(JoinConstraint::On(_))
                                | JoinOperator::Left(JoinConstraint::On(_))
                                | JoinOperator::LeftOuter(JoinConstraint::On(_))
                                | JoinOperator::Right(JoinConstraint::On(_))
                                | JoinOperator::RightOuter(JoinConstraint::On(_))
                                | JoinOperator::FullOuter(JoinConstraint::On(_))
                        )
                })
        }
        _ => false,
    };
    plain_clauses && plain_sources && select.visit(&mut Finder).is_continue()
}
