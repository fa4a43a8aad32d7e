//! How expressions print in messages: as ksqlDB prints them.

use std::fmt;

use crate::analyzer::expression::{Expression, Literal, Logical, Node};
use crate::parser::identifier::written_name;

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text { names: Names::OfRow }.write(self, f)
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
        Text { names: Names::OfSource }.write(self.0, f)
    }
}

#[derive(Clone, Copy)]
enum Names {
    OfRow,
    OfSource,
}

struct Text {
    names: Names,
}

impl Text {
    fn write(&self, expression: &Expression, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &expression.node {
            Node::Literal(literal) => write!(f, "{literal}"),
            Node::IntervalUnit(unit) => f.write_str(unit),
            Node::Column(column) => match self.names {
                Names::OfRow => f.write_str(&written_name(&column.row_name())),
                Names::OfSource => {
                    write!(f, "{}.{}", written_name(&column.source), written_name(&column.name))
                }
            },
            Node::Computed(name) => f.write_str(&written_name(name)),
            Node::WindowBound(bound) => f.write_str(bound.name()),
            Node::Negate(value) => {
                f.write_str("-")?;
                self.write(value, f)
            }
            Node::Not(value) => {
                f.write_str("(NOT ")?;
                self.write(value, f)?;
                f.write_str(")")
            }
            Node::Arithmetic { operator, left, right } => {
                self.write_binary(left, operator.symbol(), right, f)
            }
            Node::Comparison { operator, left, right } => {
                self.write_binary(left, operator.symbol(), right, f)
            }
            Node::Logical { operator, left, right } => {
                let word = match operator {
                    Logical::And => "AND",
                    Logical::Or => "OR",
                };
                self.write_binary(left, word, right, f)
            }
            Node::IsNull { value, negated } => {
                f.write_str("(")?;
                self.write(value, f)?;
                write!(f, " IS {}NULL)", if *negated { "NOT " } else { "" })
            }
            Node::Between { value, low, high, negated } => {
                f.write_str("(")?;
                self.write(value, f)?;
                write!(f, " {}BETWEEN ", if *negated { "NOT " } else { "" })?;
                self.write(low, f)?;
                f.write_str(" AND ")?;
                self.write(high, f)?;
                f.write_str(")")
            }
            Node::In { value, list, negated } => {
                f.write_str("(")?;
                self.write(value, f)?;
                write!(f, " {}IN (", if *negated { "NOT " } else { "" })?;
                self.write_list(list, f)?;
                f.write_str("))")
            }
            Node::Like { value, pattern, escape, negated } => {
                f.write_str("(")?;
                self.write(value, f)?;
                write!(f, " {}LIKE ", if *negated { "NOT " } else { "" })?;
                self.write(pattern, f)?;
                if let Some(escape) = escape {
                    write!(f, " ESCAPE '{escape}'")?;
                }
                f.write_str(")")
            }
            Node::Case { branches, otherwise } => {
                f.write_str("(CASE")?;
                for (condition, result) in branches {
                    f.write_str(" WHEN ")?;
                    self.write(condition, f)?;
                    f.write_str(" THEN ")?;
                    self.write(result, f)?;
                }
                if let Some(otherwise) = otherwise {
                    f.write_str(" ELSE ")?;
                    self.write(otherwise, f)?;
                }
                f.write_str(" END)")
            }
            Node::Cast { value, target } => {
                f.write_str("CAST(")?;
                self.write(value, f)?;
                write!(f, " AS {target})")
            }
            Node::Call { name, arguments } if name == "COUNT" && arguments.is_empty() => {
                f.write_str("COUNT(*)")
            }
            Node::Call { name, arguments } => {
                write!(f, "{name}(")?;
                self.write_list(arguments, f)?;
                f.write_str(")")
            }
            Node::Lambda { variables, body } => {
                let variables: Vec<String> = variables.iter().map(|name| written_name(name)).collect();
                match variables.as_slice() {
                    [only] => write!(f, "{only} => ")?,
                    several => write!(f, "({}) => ", several.join(", "))?,
                }
                self.write(body, f)
            }
            Node::LambdaVariable(name) => f.write_str(&written_name(name)),
            Node::Field { value, name } => {
                self.write(value, f)?;
                write!(f, "->{}", written_name(name))
            }
            Node::Subscript { value, index } => {
                self.write(value, f)?;
                f.write_str("[")?;
                self.write(index, f)?;
                f.write_str("]")
            }
            Node::Array(elements) => {
                f.write_str("ARRAY[")?;
                self.write_list(elements, f)?;
                f.write_str("]")
            }
            Node::Map(entries) => {
                f.write_str("MAP(")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    self.write(key, f)?;
                    f.write_str(":=")?;
                    self.write(value, f)?;
                }
                f.write_str(")")
            }
            Node::Struct(fields) => {
                f.write_str("STRUCT(")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{}:=", if index > 0 { ", " } else { "" }, written_name(name))?;
                    self.write(value, f)?;
                }
                f.write_str(")")
            }
        }
    }

    fn write_binary(
        &self,
        left: &Expression,
        operator: &str,
        right: &Expression,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        f.write_str("(")?;
        self.write(left, f)?;
        write!(f, " {operator} ")?;
        self.write(right, f)?;
        f.write_str(")")
    }

    fn write_list(&self, list: &[Expression], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, expression) in list.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            self.write(expression, f)?;
        }
        Ok(())
    }
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
            Literal::String(text) => write!(f, "'{}'", text.replace('\'', "''")),
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
