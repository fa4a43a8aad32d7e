//! Expressions whose names are resolved, in one form for every spelling.
//!
//! Two expressions are equal when they compute the same thing in the same way, wherever and however
//! they were written. They print as ksqlDB prints them in its messages: operators in parentheses,
//! columns by the name they have in the row (`ALIAS_NAME` where several sources are joined).

use sqlparser::tokenizer::Span;

pub use crate::analyzer::expression_text::{Qualified, decimal_text};
use crate::type_system::SqlType;

/// An expression and where it was written.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What it is.
    pub node: Node,
    /// Where it was written; empty if that is not known.
    pub span: Span,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Expression {
    /// An expression that was written at `span`.
    #[must_use]
    pub fn new(node: Node, span: Span) -> Expression {
        Expression { node, span }
    }

    /// The column, if the expression is nothing else.
    #[must_use]
    pub fn as_column(&self) -> Option<&ColumnReference> {
        match &self.node {
            Node::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The expressions it is made of.
    #[must_use]
    pub fn children(&self) -> Vec<&Expression> {
        match &self.node {
            Node::Literal(_)
            | Node::IntervalUnit(_)
            | Node::Column(_)
            | Node::Computed(_)
            | Node::WindowBound(_)
            | Node::LambdaVariable(_) => Vec::new(),
            Node::Lambda { body, .. } => vec![body],
            Node::Negate(value)
            | Node::Not(value)
            | Node::IsNull { value, .. }
            | Node::Cast { value, .. }
            | Node::Field { value, .. } => vec![value],
            Node::Arithmetic { left, right, .. }
            | Node::Comparison { left, right, .. }
            | Node::Logical { left, right, .. } => vec![left, right],
            Node::Between { value, low, high, .. } => vec![value, low, high],
            Node::In { value, list, .. } => std::iter::once(value.as_ref()).chain(list).collect(),
            Node::Like { value, pattern, .. } => vec![value, pattern],
            Node::Case { branches, otherwise } => branches
                .iter()
                .flat_map(|(condition, result)| [condition, result])
                .chain(otherwise.as_deref())
                .collect(),
            Node::Call { arguments, .. } | Node::Array(arguments) => arguments.iter().collect(),
            Node::Subscript { value, index } => vec![value, index],
            Node::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Node::Struct(fields) => fields.iter().map(|(_, value)| value).collect(),
        }
    }

    /// Visits the expression and everything in it, outside first; `visit` says whether to go inside.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Expression) -> bool) {
        if visit(self) {
            for child in self.children() {
                child.walk(visit);
            }
        }
    }

    /// Every column in the expression.
    #[must_use]
    pub fn columns(&self) -> Vec<&ColumnReference> {
        let mut columns = Vec::new();
        self.walk(&mut |expression| {
            columns.extend(expression.as_column());
            true
        });
        columns
    }

    /// A variable of a lambda around the expression that it names, and where.
    #[must_use]
    pub fn free_variable(&self) -> Option<(&str, Span)> {
        match &self.node {
            Node::LambdaVariable(name) => Some((name, self.span)),
            Node::Lambda { variables, body } => {
                body.free_variable().filter(|(name, _)| !variables.iter().any(|own| own == name))
            }
            _ => self.children().into_iter().find_map(Expression::free_variable),
        }
    }

    /// The expression as it prints with the sources before its columns: `L.ID`.
    #[must_use]
    pub fn qualified(&self) -> Qualified<'_> {
        Qualified::new(self)
    }
}

/// What an expression is.
#[derive(Clone, PartialEq, Debug)]
pub enum Node {
    /// A value.
    Literal(Literal),
    /// A unit of time as an argument of a function, in upper case: `DAYS`.
    IntervalUnit(String),
    /// A column of a source.
    Column(ColumnReference),
    /// What is no column of a source but has a name all the same: the key of a join, a parameter of a
    /// function. Something that is already computed stands for it.
    Computed(String),
    /// A bound of the window that a query aggregates in.
    WindowBound(WindowBound),
    /// `-a`.
    Negate(Box<Expression>),
    /// `NOT a`.
    Not(Box<Expression>),
    /// `a + b` and the like.
    Arithmetic { operator: Arithmetic, left: Box<Expression>, right: Box<Expression> },
    /// `a < b` and the like.
    Comparison { operator: Comparison, left: Box<Expression>, right: Box<Expression> },
    /// `a AND b`, `a OR b`.
    Logical { operator: Logical, left: Box<Expression>, right: Box<Expression> },
    /// `a IS [NOT] NULL`.
    IsNull { value: Box<Expression>, negated: bool },
    /// `a [NOT] BETWEEN b AND c`.
    Between { value: Box<Expression>, low: Box<Expression>, high: Box<Expression>, negated: bool },
    /// `a [NOT] IN (b, c)`.
    In { value: Box<Expression>, list: Vec<Expression>, negated: bool },
    /// `a [NOT] LIKE b [ESCAPE 'c']`.
    Like { value: Box<Expression>, pattern: Box<Expression>, escape: Option<char>, negated: bool },
    /// `CASE WHEN a THEN b … ELSE c END`.
    Case { branches: Vec<(Expression, Expression)>, otherwise: Option<Box<Expression>> },
    /// `CAST(a AS type)`.
    Cast { value: Box<Expression>, target: SqlType },
    /// A function's call, by its upper-case name.
    Call { name: String, arguments: Vec<Expression> },
    /// `(x, y) => a`, an argument of a function.
    Lambda { variables: Vec<String>, body: Box<Expression> },
    /// A variable of a lambda around the expression, by its stored name.
    LambdaVariable(String),
    /// `a->b`.
    Field { value: Box<Expression>, name: String },
    /// `a[b]`.
    Subscript { value: Box<Expression>, index: Box<Expression> },
    /// `ARRAY[a, b]`.
    Array(Vec<Expression>),
    /// `MAP(a := b)`.
    Map(Vec<(Expression, Expression)>),
    /// `STRUCT(A := b)`.
    Struct(Vec<(String, Expression)>),
}

/// A column of one of the sources a query reads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ColumnReference {
    /// The name by which the query knows the source.
    pub source: String,
    /// Stored name of the column.
    pub name: String,
    /// Whether the query reads several sources.
    pub joined: bool,
}

impl ColumnReference {
    /// The column's name in a row that may be joined of several sources' rows.
    #[must_use]
    pub fn row_name(&self) -> String {
        if self.joined { format!("{}_{}", self.source, self.name) } else { self.name.clone() }
    }
}

/// One of the two ends of a window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WindowBound {
    /// `WINDOWSTART`.
    Start,
    /// `WINDOWEND`.
    End,
}

impl WindowBound {
    /// The pseudo column's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WindowBound::Start => crate::plan::source::WINDOWSTART,
            WindowBound::End => crate::plan::source::WINDOWEND,
        }
    }
}

/// A value in the text.
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// A whole number of 64 bits.
    Bigint(i64),
    /// A number with a point: the number without it, digits in all, digits behind it.
    Decimal { unscaled: i128, precision: u8, scale: u8 },
    /// A number with an exponent.
    Double(f64),
    /// Text.
    String(String),
}

impl Literal {
    /// Its type; `NULL` has none.
    #[must_use]
    pub fn sql_type(&self) -> Option<SqlType> {
        Some(match self {
            Literal::Null => return None,
            Literal::Boolean(_) => SqlType::Boolean,
            Literal::Integer(_) => SqlType::Integer,
            Literal::Bigint(_) => SqlType::Bigint,
            Literal::Decimal { precision, scale, .. } => {
                SqlType::Decimal { precision: *precision, scale: *scale }
            }
            Literal::Double(_) => SqlType::Double,
            Literal::String(_) => SqlType::String,
        })
    }
}

impl Literal {
    /// Whether it is a number that a DECIMAL of so many digits holds as it is.
    #[must_use]
    pub fn fits_decimal(&self, precision: u8, scale: u8) -> bool {
        let (unscaled, own_scale) = match self {
            Literal::Integer(number) => (i128::from(*number), 0),
            Literal::Bigint(number) => (i128::from(*number), 0),
            Literal::Decimal { unscaled, scale, .. } => (*unscaled, *scale),
            Literal::Null | Literal::Boolean(_) | Literal::Double(_) | Literal::String(_) => return false,
        };
        let power = |digits: u8| 10_i128.checked_pow(digits.into());
        let scaled = if own_scale > scale {
            power(own_scale - scale).filter(|unit| unscaled % unit == 0).map(|unit| unscaled / unit)
        } else {
            power(scale - own_scale).and_then(|unit| unscaled.checked_mul(unit))
        };
        scaled.is_some_and(|scaled| power(precision).is_none_or(|limit| scaled.abs() < limit))
    }
}

/// Operators on numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arithmetic {
    /// `+`, also of text.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
    /// `||`, of text only.
    Concat,
}

impl Arithmetic {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
            Arithmetic::Concat => "||",
        }
    }
}

/// Operators that compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    /// `=`.
    Equal,
    /// `<>`.
    NotEqual,
    /// `<`.
    LessThan,
    /// `<=`.
    LessThanOrEqual,
    /// `>`.
    GreaterThan,
    /// `>=`.
    GreaterThanOrEqual,
    /// `IS DISTINCT FROM`.
    IsDistinctFrom,
    /// `IS NOT DISTINCT FROM`.
    IsNotDistinctFrom,
}

impl Comparison {
    /// As it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::LessThan => "<",
            Comparison::LessThanOrEqual => "<=",
            Comparison::GreaterThan => ">",
            Comparison::GreaterThanOrEqual => ">=",
            Comparison::IsDistinctFrom => "IS DISTINCT FROM",
            Comparison::IsNotDistinctFrom => "IS NOT DISTINCT FROM",
        }
    }

    /// As messages call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Comparison::Equal => "EQUAL",
            Comparison::NotEqual => "NOT_EQUAL",
            Comparison::LessThan => "LESS_THAN",
            Comparison::LessThanOrEqual => "LESS_THAN_OR_EQUAL",
            Comparison::GreaterThan => "GREATER_THAN",
            Comparison::GreaterThanOrEqual => "GREATER_THAN_OR_EQUAL",
            Comparison::IsDistinctFrom => "IS_DISTINCT_FROM",
            Comparison::IsNotDistinctFrom => "IS_NOT_DISTINCT_FROM",
        }
    }

    /// Whether it asks only for equality, not for order.
    #[must_use]
    pub fn is_equality(self) -> bool {
        matches!(
            self,
            Comparison::Equal
                | Comparison::NotEqual
                | Comparison::IsDistinctFrom
                | Comparison::IsNotDistinctFrom
        )
    }
}

/// Operators on truth values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Logical {
    /// `AND`.
    And,
    /// `OR`.
    Or,
}
