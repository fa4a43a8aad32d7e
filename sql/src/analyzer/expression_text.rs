//! How expressions print in messages: as ksqlDB prints them.

use std::fmt;

use crate::analyzer::expression::{ColumnReference, Expression, Literal, Logical, Node};
use crate::parser::identifier::written_name;
use crate::print::quoted;

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Text { expression: self, names: Names::OfRow })
    }
}

/// Prints an expression with its columns' sources.
#[derive(Debug)]
pub struct Qualified<'a>(&'a Expression);

impl<'a> Qualified<'a> {
    pub(super) fn new(expression: &'a Expression) -> Qualified<'a> {
        Qualified(expression)
    }
}

impl fmt::Display for Qualified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Text { expression: self.0, names: Names::OfSource })
    }
}

/// How columns are called.
#[derive(Clone, Copy)]
enum Names {
    /// As in a row of the query.
    OfRow,
    /// With their source.
    OfSource,
}

/// An expression as text.
struct Text<'a> {
    expression: &'a Expression,
    names: Names,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expression.node {
            Node::Literal(literal) => write!(f, "{literal}"),
            Node::IntervalUnit(unit) => f.write_str(unit),
            Node::Column(column) => self.write_column(column, f),
            Node::Computed(name) | Node::LambdaVariable(name) => f.write_str(&written_name(name)),
            Node::WindowBound(bound) => f.write_str(bound.name()),
            Node::Negate(value) => write!(f, "-{}", self.of(value)),
            Node::Not(value) => write!(f, "(NOT {})", self.of(value)),
            Node::Arithmetic { operator, left, right } => self.write_infix(left, operator.symbol(), right, f),
            Node::Comparison { operator, left, right } => self.write_infix(left, operator.symbol(), right, f),
            Node::Logical { operator: Logical::And, left, right } => self.write_infix(left, "AND", right, f),
            Node::Logical { operator: Logical::Or, left, right } => self.write_infix(left, "OR", right, f),
            Node::IsNull { value, negated } => write!(f, "({} IS {}NULL)", self.of(value), not(*negated)),
            Node::Between { value, low, high, negated } => {
                write!(f, "({} {}BETWEEN ", self.of(value), not(*negated))?;
                write!(f, "{} AND {})", self.of(low), self.of(high))
            }
            Node::In { value, list, negated } => {
                write!(f, "({} {}IN ({}))", self.of(value), not(*negated), self.list(list))
            }
            Node::Like { value, pattern, escape, negated } => {
                write!(f, "({} {}LIKE {}", self.of(value), not(*negated), self.of(pattern))?;
                if let Some(escape) = escape {
                    write!(f, " ESCAPE '{escape}'")?;
                }
                f.write_str(")")
            }
            Node::Case { branches, otherwise } => self.write_case(branches, otherwise.as_deref(), f),
            Node::Cast { value, target } => write!(f, "CAST({} AS {target})", self.of(value)),
            Node::Call { name, arguments } if name == "COUNT" && arguments.is_empty() => {
                f.write_str("COUNT(*)")
            }
            Node::Call { name, arguments } => write!(f, "{name}({})", self.list(arguments)),
            Node::Lambda { variables, body } => self.write_lambda(variables, body, f),
            Node::Field { value, name } => write!(f, "{}->{}", self.of(value), written_name(name)),
            Node::Subscript { value, index } => write!(f, "{}[{}]", self.of(value), self.of(index)),
            Node::Array(elements) => write!(f, "ARRAY[{}]", self.list(elements)),
            Node::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (self.of(key), value));
                self.write_constructor("MAP", entries, f)
            }
            Node::Struct(fields) => {
                let fields = fields.iter().map(|(name, value)| (written_name(name), value));
                self.write_constructor("STRUCT", fields, f)
            }
        }
    }
}

impl<'a> Text<'a> {
    /// A part of the expression.
    fn of(&self, part: &'a Expression) -> Text<'a> {
        Text { expression: part, names: self.names }
    }

    fn list(&self, expressions: &'a [Expression]) -> List<'a> {
        List { expressions, names: self.names }
    }

    fn write_column(&self, column: &ColumnReference, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names {
            Names::OfRow => f.write_str(&written_name(&column.row_name())),
            Names::OfSource => write!(f, "{}.{}", written_name(&column.source), written_name(&column.name)),
        }
    }

    fn write_infix(
        &self,
        left: &'a Expression,
        operator: &str,
        right: &'a Expression,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        write!(f, "({} {operator} {})", self.of(left), self.of(right))
    }

    fn write_case(
        &self,
        branches: &'a [(Expression, Expression)],
        otherwise: Option<&'a Expression>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        f.write_str("(CASE")?;
        for (condition, result) in branches {
            write!(f, " WHEN {} THEN {}", self.of(condition), self.of(result))?;
        }
        if let Some(otherwise) = otherwise {
            write!(f, " ELSE {}", self.of(otherwise))?;
        }
        f.write_str(" END)")
    }

    fn write_lambda(
        &self,
        variables: &[String],
        body: &'a Expression,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let variables: Vec<String> = variables.iter().map(|name| written_name(name)).collect();
        match variables.as_slice() {
            [only] => write!(f, "{only} => {}", self.of(body)),
            several => write!(f, "({}) => {}", several.join(", "), self.of(body)),
        }
    }

    /// Writes a map or a struct of its pairs.
    fn write_constructor<N: fmt::Display>(
        &self,
        keyword: &str,
        pairs: impl Iterator<Item = (N, &'a Expression)>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        write!(f, "{keyword}(")?;
        for (index, (name, value)) in pairs.enumerate() {
            write!(f, "{}{name}:={}", separator(index), self.of(value))?;
        }
        f.write_str(")")
    }
}

/// Expressions one after the other.
struct List<'a> {
    expressions: &'a [Expression],
    names: Names,
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, expression) in self.expressions.iter().enumerate() {
            write!(f, "{}{}", separator(index), Text { expression, names: self.names })?;
        }
        Ok(())
    }
}

/// What stands before an entry of a list.
fn separator(index: usize) -> &'static str {
    if index > 0 { ", " } else { "" }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Integer(value) => write!(f, "{value}"),
            Literal::Bigint(value) => write!(f, "{value}"),
            Literal::Decimal { unscaled, scale, .. } => f.write_str(&decimal_text(*unscaled, *scale)),
            Literal::Double(value) => write!(f, "{value:E}"),
            Literal::String(text) => f.write_str(&quoted(text)),
        }
    }
}

/// A decimal number in plain notation.
#[must_use]
pub fn decimal_text(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}
