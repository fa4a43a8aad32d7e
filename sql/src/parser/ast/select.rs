//! `SELECT`: ksqlDB's, clause by clause, or any other as sqlparser reads it.

use sqlparser::tokenizer::Span;

use super::{Expr, GeneralQuery, Name};

/// A query, read once or as changes come.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectStatement {
    /// What is selected.
    pub body: SelectBody,
    /// `EMIT CHANGES` or `EMIT FINAL`; without it a query outside of `CREATE … AS` reads once.
    pub emit: Option<Emit>,
    /// How many rows to return at most, from ksqlDB's `LIMIT`, which stands last. The limit of a
    /// [`SelectBody::General`] query without `EMIT` is part of that query.
    pub limit: Option<u64>,
    /// Where the query was written.
    pub span: Span,
}

/// The two grammars a query can have.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectBody {
    /// A query of ksqlDB's grammar: one `FROM` with joins on conditions, windows, no subqueries.
    Ksql(Box<KsqlSelect>),
    /// Every other query: subqueries, `WITH`, set operations, `ORDER BY`, `DISTINCT`, `OVER` …
    General(Box<GeneralQuery>),
}

/// When a query's rows leave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Emit {
    /// Every change, as it comes.
    Changes,
    /// Only the last value of a window, when the window has closed.
    Final,
}

/// A query of ksqlDB's grammar.
#[derive(Debug, Clone, PartialEq)]
pub struct KsqlSelect {
    /// What to return.
    pub projection: Vec<SelectItem>,
    /// The sources.
    pub from: Relation,
    /// The `WINDOW` clause.
    pub window: Option<WindowClause>,
    /// The `WHERE` condition.
    pub where_: Option<Expr>,
    /// The `GROUP BY` expressions; `GROUP BY (a, b)` and `GROUP BY a, b` are the same.
    pub group_by: Vec<Expr>,
    /// The `PARTITION BY` expressions; likewise.
    pub partition_by: Vec<Expr>,
    /// The `HAVING` condition.
    pub having: Option<Expr>,
}

/// One item of a projection.
#[derive(Debug, Clone, PartialEq)]
pub enum SelectItem {
    /// `expression [AS alias]`.
    Expression {
        /// The expression.
        expr: Expr,
        /// The name of its column.
        alias: Option<Name>,
        /// Where the item was written.
        span: Span,
    },
    /// `*`.
    Wildcard {
        /// Where the item was written.
        span: Span,
    },
    /// `source.*`.
    SourceWildcard {
        /// The name or alias of the source.
        source: Name,
        /// Where the item was written.
        span: Span,
    },
    /// `expression->*`: every field of a struct.
    StructWildcard {
        /// The struct.
        expr: Expr,
        /// Where the item was written.
        span: Span,
    },
}

impl SelectItem {
    /// Where the item was written.
    pub fn span(&self) -> Span {
        match self {
            SelectItem::Expression { span, .. }
            | SelectItem::Wildcard { span }
            | SelectItem::SourceWildcard { span, .. }
            | SelectItem::StructWildcard { span, .. } => *span,
        }
    }
}

/// What a query reads: a source, or a tree of joins that leans to the left as it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    /// A stream or table.
    Source {
        /// Its name.
        name: Name,
        /// The name by which the query refers to it, if another.
        alias: Option<Name>,
        /// Where it was written.
        span: Span,
    },
    /// A join.
    Join(Box<Join>),
}

impl Relation {
    /// Where the relation was written.
    pub fn span(&self) -> Span {
        match self {
            Relation::Source { span, .. } => *span,
            Relation::Join(join) => join.span,
        }
    }
}

/// `left [kind] JOIN right [WITHIN …] ON condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// The left side.
    pub left: Relation,
    /// The right side, always a source.
    pub right: Relation,
    /// Which side's unmatched rows stay.
    pub kind: JoinKind,
    /// How far apart the rows of a stream–stream join may lie.
    pub within: Option<Within>,
    /// The join condition.
    pub on: Expr,
    /// Where the join was written, both sides included.
    pub span: Span,
}

/// Which side's unmatched rows stay in a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// None.
    Inner,
    /// The left side's.
    Left,
    /// The right side's.
    Right,
    /// Both.
    Full,
}

/// `WITHIN n unit | (before, after) [GRACE PERIOD n unit]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// How much earlier the right row may be.
    pub before: WindowDuration,
    /// How much later the right row may be.
    pub after: WindowDuration,
    /// How long late rows are waited for.
    pub grace: Option<WindowDuration>,
}

/// `WINDOW [name] TUMBLING | HOPPING | SESSION (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowClause {
    /// The name of the window, which nothing refers to.
    pub name: Option<Name>,
    /// The kind of the window.
    pub kind: WindowKind,
    /// How long closed windows can be looked up.
    pub retention: Option<WindowDuration>,
    /// How long late rows are waited for.
    pub grace: Option<WindowDuration>,
    /// Where the clause was written.
    pub span: Span,
}

/// The kinds of windows.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowKind {
    /// Windows of one size, one after the other.
    Tumbling {
        /// The size.
        size: WindowDuration,
    },
    /// Windows of one size, a new one every so often.
    Hopping {
        /// The size.
        size: WindowDuration,
        /// The distance from one start to the next.
        advance: WindowDuration,
    },
    /// Windows that last as long as rows keep coming.
    Session {
        /// The silence that ends a window.
        gap: WindowDuration,
    },
}

/// A length of time as it is written in window and join clauses.
#[derive(Debug, Clone, Copy)]
pub struct WindowDuration {
    /// How many.
    pub amount: u64,
    /// Of what.
    pub unit: DurationUnit,
    /// Where it was written.
    pub span: Span,
}

impl WindowDuration {
    /// The length in milliseconds. The parser has made sure that it is one.
    pub fn millis(&self) -> i64 {
        i64::try_from(self.amount).unwrap_or(i64::MAX).saturating_mul(self.unit.millis())
    }
}

impl PartialEq for WindowDuration {
    fn eq(&self, other: &Self) -> bool {
        self.amount == other.amount && self.unit == other.unit
    }
}

/// Units of time of window and join clauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DurationUnit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
}

impl DurationUnit {
    /// How many milliseconds one of it has.
    pub fn millis(self) -> i64 {
        match self {
            DurationUnit::Milliseconds => 1,
            DurationUnit::Seconds => 1_000,
            DurationUnit::Minutes => 60_000,
            DurationUnit::Hours => 3_600_000,
            DurationUnit::Days => 86_400_000,
        }
    }

    /// The keyword, in the plural.
    pub fn keyword(self) -> &'static str {
        match self {
            DurationUnit::Milliseconds => "MILLISECONDS",
            DurationUnit::Seconds => "SECONDS",
            DurationUnit::Minutes => "MINUTES",
            DurationUnit::Hours => "HOURS",
            DurationUnit::Days => "DAYS",
        }
    }

    /// The unit a word names, in the singular or plural and in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "MILLISECOND" | "MILLISECONDS" => DurationUnit::Milliseconds,
            "SECOND" | "SECONDS" => DurationUnit::Seconds,
            "MINUTE" | "MINUTES" => DurationUnit::Minutes,
            "HOUR" | "HOURS" => DurationUnit::Hours,
            "DAY" | "DAYS" => DurationUnit::Days,
            _ => return None,
        })
    }
}
