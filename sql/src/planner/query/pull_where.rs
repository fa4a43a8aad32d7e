//! What WHERE may say in a query over what is in a table now: which rows are looked up by their key, and
//! which conditions make the whole table be read.
//!
//! The condition is brought into a form of alternatives, each of conditions that hold together. An
//! alternative that fixes every key column is a look-up; one that bounds the only key column, of text or
//! bytes, is a range. Everything else reads the whole table, which the setting
//! `ksql.query.pull.table.scan.enabled` can forbid; then this is refused here. Who reads finds the rows
//! by other means: these rules only say what is allowed.

use std::collections::BTreeSet;

use super::from::FromClause;
use crate::analyzer::expression::{ColumnReference, Comparison, Expression, Literal, Logical, Node};
use crate::error::SqlError;
use crate::lookup::{Lookup, Source, SourceColumn, SourceKind};
use crate::parser::identifier::quoted_name;
use crate::plan::source::{WINDOWEND, WINDOWSTART};
use crate::planner::create_source::schema_text;
use crate::type_system::SqlType;

/// Alternatives a condition is brought into at most; one of more is taken for a reading of the whole
/// table. Alternatives of alternatives multiply.
const ALTERNATIVES_MAX: usize = 512;

/// Whether the whole table may be read.
const TABLE_SCAN: &str = "ksql.query.pull.table.scan.enabled";

/// Whether a range of keys may be read.
const RANGE_SCAN: &str = "ksql.query.pull.range.scan.enabled";

/// Checks the condition of such a query.
///
/// # Errors
/// What is not allowed, and what would be.
pub(super) fn check(
    condition: Option<&Expression>,
    from: &FromClause,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    let [source] = from.scope.sources.as_slice() else { return Ok(()) };
    if from.kind != SourceKind::Table {
        return Ok(());
    }
    let is_set = |name: &str| lookup.switch(name) != Some(false);
    let rules = Rules {
        source: &source.source,
        scans: is_set(TABLE_SCAN),
        ranges: is_set(RANGE_SCAN),
        windowed: from.window.is_some(),
        ksqldb_limits: lookup.within_ksqldb_limits(),
    };
    match condition {
        None if !rules.scans => Err(refused("Missing WHERE clause")),
        None => Ok(()),
        Some(condition) => rules.check(condition),
    }
}

struct Rules<'a> {
    source: &'a Source,
    scans: bool,
    ranges: bool,
    windowed: bool,
    /// Whether conditions are refused that ksqlDB cannot make a look-up of, though they can be met here.
    ksqldb_limits: bool,
}

/// One condition that is no AND, OR or NOT of others.
#[derive(Clone, Debug)]
struct Condition {
    expression: Expression,
    /// It stood in the list of an IN.
    of_list: bool,
}

/// How rows are found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Access {
    /// By their keys.
    Key,
    /// Between keys.
    Range,
    /// Among all rows, by comparisons of their keys.
    Bounded,
    /// Among all rows.
    All,
}

impl Rules<'_> {
    fn check(&self, condition: &Expression) -> Result<(), SqlError> {
        let Some(alternatives) = alternatives(condition, false) else { return self.read_all() };
        let mut found = Vec::with_capacity(alternatives.len());
        for alternative in &alternatives {
            let access = self.check_alternative(alternative)?;
            found.push(access);
            if access == Access::All && self.scans {
                // The rest of the condition is only applied to the rows.
                return Ok(());
            }
        }
        if !self.scans {
            let is_range = found == [Access::Range] && self.ranges && !self.windowed;
            if !is_range && found.iter().any(|access| *access != Access::Key) {
                return self.read_all();
            }
        }
        alternatives.iter().flatten().try_for_each(|condition| self.check_key_value(condition))?;
        if self.windowed && self.ksqldb_limits {
            alternatives.iter().try_for_each(|alternative| check_window_bounds(alternative))?;
        }
        Ok(())
    }

    fn read_all(&self) -> Result<(), SqlError> {
        if self.scans {
            return Ok(());
        }
        Err(SqlError::unsupported(format!(
            "Query requires table scan to be enabled. Table scan can be enabled by setting {TABLE_SCAN}=true"
        )))
    }

    /// Checks conditions that hold together, and tells how they find rows.
    fn check_alternative(&self, conditions: &[Condition]) -> Result<Access, SqlError> {
        let mut keys: BTreeSet<usize> = BTreeSet::new();
        let mut access = Access::Key;
        let mut all = false;
        for condition in conditions {
            let expression = &condition.expression;
            match &expression.node {
                Node::Comparison { operator, left, right } => {
                    let (column, other) = match (left.as_column(), right.as_column()) {
                        (_, Some(column)) => (column, left),
                        (Some(column), None) => (column, right),
                        (None, None) => {
                            self.scan_or("A comparison must directly reference a key column.", expression)?;
                            all = true;
                            continue;
                        }
                    };
                    if !other.columns().is_empty() {
                        let what = "A comparison must be between a key column and a resolvable expression.";
                        self.scan_or(what, expression)?;
                        all = true;
                        continue;
                    }
                    if is_window_bound(&column.name) {
                        self.check_bound_comparison(*operator, column, expression)?;
                        continue;
                    }
                    let key = self.source.key_columns().position(|key| key.name == column.name);
                    let Some(key) = key else { continue };
                    match operator {
                        Comparison::Equal => {}
                        operator if !is_bound(*operator) => {
                            let what =
                                format!("Bound on key columns '[{}]' must currently be '='.", self.key()?);
                            self.scan_or(&what, expression)?;
                            all = true;
                        }
                        _ if self.may_be_range(key) => access = Access::Range,
                        _ => access = Access::Bounded,
                    }
                    if !keys.insert(key) && !self.scans {
                        return Err(refused(
                            "A comparison condition on the key column cannot be combined with other \
                             comparisons such as an IN predicate.",
                        )
                        .at(expression.span));
                    }
                }
                Node::Like { value, pattern, .. } => all |= self.check_like(expression, value, pattern)?,
                _ => {
                    let what = format!("Unsupported expression in WHERE clause: {expression}.");
                    self.scan_or(&what, expression)?;
                    all = true;
                }
            }
        }
        if all {
            return Ok(Access::All);
        }
        if keys.is_empty() {
            let shown = conditions.iter().map(|condition| condition.expression.to_string());
            let shown = shown.reduce(|left, right| format!("({left} AND {right})")).unwrap_or_default();
            return self.scan_or_refuse(&format!("WHERE clause missing key column for disjunct: {shown}."));
        }
        let count = self.source.key_columns().count();
        if keys.len() != count {
            let named = self.source.key_columns().enumerate().filter(|(index, _)| keys.contains(index));
            let specified: Vec<String> = named.map(|(_, column)| quoted_name(&column.name)).collect();
            return self.scan_or_refuse(&format!(
                "Multi-column sources must specify every key in the WHERE clause. Specified: [{}] Expected: \
                 [{}].",
                specified.join(", "),
                self.key()?
            ));
        }
        Ok(if access == Access::Range && count > 1 { Access::Bounded } else { access })
    }

    /// The key's columns, as schemas are listed.
    fn key(&self) -> Result<String, SqlError> {
        let columns: Vec<SourceColumn> = self.source.key_columns().cloned().collect();
        schema_text(&columns)
    }

    fn check_like(
        &self,
        like: &Expression,
        value: &Expression,
        pattern: &Expression,
    ) -> Result<bool, SqlError> {
        let Some(column) = value.as_column() else {
            self.scan_or("Like condition must be between strings.", like)?;
            return Ok(true);
        };
        let declared = self.source.columns.iter().find(|own| own.name == column.name);
        let data_type = declared.and_then(|own| SqlType::from_arrow(&own.data_type).ok());
        if let Some(data_type) = data_type.filter(|data_type| *data_type != SqlType::String) {
            let message = format!(
                "The column type for Like condition must be VARCHAR. The column type is {}.",
                data_type.base_name()
            );
            return Err(refused(&message).at(like.span));
        }
        if !matches!(pattern.node, Node::Literal(Literal::String(_) | Literal::Null)) {
            return Err(refused("Like condition on non-string pattern.").at(like.span));
        }
        Ok(false)
    }

    /// Bounds of windows are compared so that they tell where to look.
    fn check_bound_comparison(
        &self,
        operator: Comparison,
        bound: &ColumnReference,
        comparison: &Expression,
    ) -> Result<(), SqlError> {
        if is_bound(operator) || !self.ksqldb_limits {
            return Ok(());
        }
        let message = format!("Unsupported {} bounds: {}.", quoted_name(&bound.name), operator.word());
        Err(refused(&message).at(comparison.span))
    }

    /// A value that a key is compared with has to be one of the key's type. What cannot be compared at all
    /// is left to those who compare.
    fn check_key_value(&self, condition: &Condition) -> Result<(), SqlError> {
        let Node::Comparison { left, right, .. } = &condition.expression.node else { return Ok(()) };
        let (column, right) = match (left.as_column(), right.as_column()) {
            (_, Some(column)) => (column, left),
            (Some(column), None) => (column, right),
            (None, None) => return Ok(()),
        };
        let Node::Literal(value) = &right.node else { return Ok(()) };
        let Some(key) = self.source.key_columns().find(|key| key.name == column.name) else { return Ok(()) };
        let wanted = SqlType::from_arrow(&key.data_type)?;
        let Some(given) = value.sql_type() else {
            if !condition.of_list {
                return Ok(());
            }
            let message = format!("Primary key columns can not be NULL: {}", condition.expression);
            return Err(SqlError::invalid(message).at(condition.expression.span));
        };
        let numbers = given.is_numeric() && wanted.is_numeric();
        if !condition.of_list && !numbers {
            return Ok(());
        }
        let fits = given == wanted
            || match wanted {
                SqlType::Bigint => given == SqlType::Integer,
                SqlType::Double => given.is_numeric(),
                SqlType::Decimal { precision, scale } => value.fits_decimal(precision, scale),
                // Dates and times are written as texts.
                SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Bytes => {
                    given == SqlType::String
                }
                _ => false,
            };
        if fits {
            return Ok(());
        }
        let shown = right.to_string();
        let shown = shown.trim_matches('\'');
        let message = format!(
            "'{shown}' can not be converted to the type of the key column: {} {wanted} KEY",
            key.name
        );
        Err(SqlError::type_error(message).at(right.span))
    }

    /// Keys are in order of their bytes, which is that of the values for texts and bytes alone.
    fn may_be_range(&self, key: usize) -> bool {
        let data_type = self.source.key_columns().nth(key).map(|key| &key.data_type);
        data_type
            .and_then(|data_type| SqlType::from_arrow(data_type).ok())
            .is_some_and(|data_type| matches!(data_type, SqlType::String | SqlType::Bytes))
    }

    fn scan_or(&self, message: &str, at: &Expression) -> Result<(), SqlError> {
        if self.scans { Ok(()) } else { Err(refused(message).at(at.span)) }
    }

    fn scan_or_refuse(&self, message: &str) -> Result<Access, SqlError> {
        if self.scans { Ok(Access::All) } else { Err(refused(message)) }
    }
}

/// Whether a comparison is one with a bound: the same, or on one side of it.
fn is_bound(operator: Comparison) -> bool {
    match operator {
        Comparison::Equal
        | Comparison::LessThan
        | Comparison::LessThanOrEqual
        | Comparison::GreaterThan
        | Comparison::GreaterThanOrEqual => true,
        Comparison::NotEqual | Comparison::IsDistinctFrom | Comparison::IsNotDistinctFrom => false,
    }
}

/// What the conditions of an alternative say of one bound of windows.
#[derive(Default)]
struct WindowRange {
    exact: bool,
    lower: bool,
    upper: bool,
}

/// Checks that each bound of the windows is either one value or has one limit to each side.
fn check_window_bounds(conditions: &[Condition]) -> Result<(), SqlError> {
    let (mut starts, mut ends) = (WindowRange::default(), WindowRange::default());
    for Condition { expression, .. } in conditions {
        let Node::Comparison { operator, left, right } = &expression.node else { continue };
        let (column, value, turned) = match (left.as_column(), right.as_column()) {
            (_, Some(column)) => (column, left, true),
            (Some(column), None) => (column, right, false),
            (None, None) => continue,
        };
        let range = match column.name.as_str() {
            WINDOWSTART => &mut starts,
            WINDOWEND => &mut ends,
            _ => continue,
        };
        if let Node::Literal(Literal::Decimal { .. } | Literal::Double(_)) = &value.node {
            let what = "Window bounds must resolve to an INT, BIGINT, or STRING containing a datetime.";
            return Err(refused(what).at(value.span));
        }
        let bound = quoted_name(&column.name);
        let is_below = matches!(operator, Comparison::LessThan | Comparison::LessThanOrEqual);
        let (known, side) = match operator {
            Comparison::Equal => (&mut range.exact, Comparison::Equal),
            _ if is_below != turned => (&mut range.upper, Comparison::LessThan),
            _ => (&mut range.lower, Comparison::GreaterThan),
        };
        let twice = std::mem::replace(known, true);
        if range.exact && (range.lower || range.upper) {
            let what = format!("`{expression}` cannot be combined with other {bound} bounds.");
            return Err(refused(&what).at(expression.span));
        }
        if twice {
            let what = format!("Duplicate {bound} bounds on: {}.", side.word());
            return Err(refused(&what).at(expression.span));
        }
    }
    Ok(())
}

fn is_window_bound(name: &str) -> bool {
    [WINDOWSTART, WINDOWEND].contains(&name)
}

/// A refusal, with what WHERE has to be like.
fn refused(message: &str) -> SqlError {
    SqlError::unsupported(message).with_hint(format!(
        "compare every key column with a value by =, or allow the whole table to be read: SET '{TABLE_SCAN}' = \
         'true'"
    ))
}

/// The alternatives of a condition, or of its opposite; `None` where there are too many.
fn alternatives(condition: &Expression, opposite: bool) -> Option<Vec<Vec<Condition>>> {
    let compared = |operator, left: &Expression, right: &Expression| {
        let (left, right) = (Box::new(left.clone()), Box::new(right.clone()));
        Expression::new(Node::Comparison { operator, left, right }, condition.span)
    };
    match &condition.node {
        Node::Not(inner) => alternatives(inner, !opposite),
        Node::Logical { operator, left, right } => {
            let (left, right) = (alternatives(left, opposite)?, alternatives(right, opposite)?);
            let both = (*operator == Logical::And) != opposite;
            if both { product(&left, &right) } else { sum(left, right) }
        }
        Node::In { value, list, negated } => {
            let unequal = *negated != opposite;
            let operator = if unequal { Comparison::NotEqual } else { Comparison::Equal };
            let conditions = list
                .iter()
                .map(|item| Condition { expression: compared(operator, value, item), of_list: true });
            if unequal {
                return Some(vec![conditions.collect()]);
            }
            Some(conditions.map(|condition| vec![condition]).collect::<Vec<_>>())
                .filter(|alternatives| alternatives.len() <= ALTERNATIVES_MAX)
        }
        Node::Between { value, low, high, negated } => {
            let outside = *negated != opposite;
            let (below, above) = if outside {
                (Comparison::LessThan, Comparison::GreaterThan)
            } else {
                (Comparison::GreaterThanOrEqual, Comparison::LessThanOrEqual)
            };
            let bound =
                |operator, bound| Condition { expression: compared(operator, value, bound), of_list: false };
            let (low, high) = (bound(below, low), bound(above, high));
            Some(if outside { vec![vec![low], vec![high]] } else { vec![vec![low, high]] })
        }
        Node::Comparison { operator, left, right } if opposite => Some(vec![vec![Condition {
            expression: compared(inverted(*operator), left, right),
            of_list: false,
        }]]),
        _ if opposite => {
            let expression = Expression::new(Node::Not(Box::new(condition.clone())), condition.span);
            Some(vec![vec![Condition { expression, of_list: false }]])
        }
        _ => Some(vec![vec![Condition { expression: condition.clone(), of_list: false }]]),
    }
}

fn sum(mut left: Vec<Vec<Condition>>, right: Vec<Vec<Condition>>) -> Option<Vec<Vec<Condition>>> {
    left.extend(right);
    Some(left).filter(|all| all.len() <= ALTERNATIVES_MAX)
}

fn product(left: &[Vec<Condition>], right: &[Vec<Condition>]) -> Option<Vec<Vec<Condition>>> {
    if left.len().saturating_mul(right.len()) > ALTERNATIVES_MAX {
        return None;
    }
    let joined = |left: &Vec<Condition>, right: &Vec<Condition>| left.iter().chain(right).cloned().collect();
    Some(left.iter().flat_map(|left| right.iter().map(move |right| joined(left, right))).collect())
}

/// The comparison that holds where this one does not.
fn inverted(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::LessThan => Comparison::GreaterThanOrEqual,
        Comparison::LessThanOrEqual => Comparison::GreaterThan,
        Comparison::GreaterThan => Comparison::LessThanOrEqual,
        Comparison::GreaterThanOrEqual => Comparison::LessThan,
        Comparison::IsDistinctFrom => Comparison::IsNotDistinctFrom,
        Comparison::IsNotDistinctFrom => Comparison::IsDistinctFrom,
    }
}
