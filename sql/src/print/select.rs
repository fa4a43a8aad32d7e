//! Queries back to text.

use std::fmt;

use super::List;
use super::expression::{print_expression, print_query};
use crate::parser::ast::{
    Emit, Expr, JoinKind, KsqlSelect, Relation, SelectBody, SelectItem, SelectStatement, WindowClause,
    WindowDuration, WindowKind, Within,
};

impl fmt::Display for SelectStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            SelectBody::Ksql(select) => write!(f, "{select}")?,
            SelectBody::General(query) => f.write_str(&print_query(query))?,
        }
        match self.emit {
            Some(Emit::Changes) => f.write_str(" EMIT CHANGES")?,
            Some(Emit::Final) => f.write_str(" EMIT FINAL")?,
            None => {}
        }
        match self.limit {
            Some(limit) => write!(f, " LIMIT {limit}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for KsqlSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {} FROM {}", List(&self.projection), self.from)?;
        if let Some(window) = &self.window {
            write!(f, " {window}")?;
        }
        write_condition(f, "WHERE", &self.where_)?;
        write_values(f, "GROUP BY", &self.group_by)?;
        write_values(f, "PARTITION BY", &self.partition_by)?;
        write_condition(f, "HAVING", &self.having)
    }
}

fn write_condition(f: &mut fmt::Formatter<'_>, clause: &str, condition: &Option<Expr>) -> fmt::Result {
    match condition {
        Some(condition) => write!(f, " {clause} {}", print_expression(condition)),
        None => Ok(()),
    }
}

fn write_values(f: &mut fmt::Formatter<'_>, clause: &str, values: &[Expr]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = values.iter().map(print_expression).collect();
    write!(f, " {clause} {}", values.join(", "))
}

impl fmt::Display for SelectItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectItem::Expression { expr, alias: Some(alias), .. } => {
                write!(f, "{} AS {alias}", print_expression(expr))
            }
            SelectItem::Expression { expr, alias: None, .. } => f.write_str(&print_expression(expr)),
            SelectItem::Wildcard { .. } => f.write_str("*"),
            SelectItem::SourceWildcard { source, .. } => write!(f, "{source}.*"),
            SelectItem::StructWildcard { expr, .. } => write!(f, "{}->*", print_expression(expr)),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relation::Source { name, alias: Some(alias), .. } => write!(f, "{name} AS {alias}"),
            Relation::Source { name, alias: None, .. } => write!(f, "{name}"),
            Relation::Join(join) => {
                let kind = match join.kind {
                    JoinKind::Inner => "INNER",
                    JoinKind::Left => "LEFT",
                    JoinKind::Right => "RIGHT",
                    JoinKind::Full => "FULL",
                };
                write!(f, "{} {kind} JOIN {}", join.left, join.right)?;
                if let Some(within) = &join.within {
                    write!(f, " {within}")?;
                }
                write!(f, " ON {}", print_expression(&join.on))
            }
        }
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.before == self.after {
            write!(f, "WITHIN {}", self.before)?;
        } else {
            write!(f, "WITHIN ({}, {})", self.before, self.after)?;
        }
        match &self.grace {
            Some(grace) => write!(f, " GRACE PERIOD {grace}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for WindowClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WINDOW ")?;
        if let Some(name) = &self.name {
            write!(f, "{name} ")?;
        }
        match &self.kind {
            WindowKind::Tumbling { size } => write!(f, "TUMBLING (SIZE {size}")?,
            WindowKind::Hopping { size, advance } => {
                write!(f, "HOPPING (SIZE {size}, ADVANCE BY {advance}")?;
            }
            WindowKind::Session { gap } => write!(f, "SESSION ({gap}")?,
        }
        if let Some(retention) = &self.retention {
            write!(f, ", RETENTION {retention}")?;
        }
        if let Some(grace) = &self.grace {
            write!(f, ", GRACE PERIOD {grace}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for WindowDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.unit.keyword())
    }
}
