//! From [`Expression`]s to typed DataFusion expressions, by ksqlDB's rules.
//!
//! Where a rule of ksqlDB is what Arrow's kernels do, the result is a plain DataFusion operator; where
//! it is not, a call of a [reserved](super::reserved) function.
//!
//! A comparison with NULL is false in ksqlDB, not unknown: `NOT (a = 1)` holds where `a` is NULL. So
//! comparisons are wrapped in `IS TRUE`, except where nothing tells NULL from false, which is where
//! hot predicates stand (see [`Lowering::predicate`]).

mod calls;
mod lambdas;
mod nested;
mod operators;
mod predicates;
mod user_calls;

use datafusion_common::ScalarValue;
use datafusion_expr::expr::BinaryExpr;
use datafusion_expr::{Expr, Operator, lit};

use crate::analyzer::cast::{self, convert};
use crate::analyzer::clause::Clause;
pub use crate::analyzer::coercion::Typed;
use crate::analyzer::expression::{Expression, Literal, Logical, Node};
use crate::analyzer::scope::Scope;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::Lookup;
use crate::type_system::SqlType;
pub use predicates::with_backslashes;
pub use user_calls::{FUNCTION_DEPTH_MAX, parameter_scope, parameters};

/// Something that is already computed: wherever the expression occurs, this stands for it.
#[derive(Clone, Debug)]
pub struct Substitution {
    /// What is computed.
    pub expression: Expression,
    /// What gives its value.
    pub typed: Typed,
}

/// Lowers the expressions of one clause.
#[derive(Clone, Copy)]
pub struct Lowering<'a> {
    /// What columns there are.
    pub scope: &'a Scope,
    /// The clause, for error texts.
    pub clause: Clause,
    /// Functions.
    pub lookup: &'a dyn Lookup,
    /// What is already computed, such as the groups and aggregates of an aggregation.
    pub substitutions: &'a [Substitution],
    /// The variables of the lambdas around the expression, the innermost first.
    pub variables: &'a [LambdaVariable],
}

/// A variable of a lambda.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LambdaVariable {
    /// Its stored name.
    pub name: String,
    /// The column by which the body of the lambda refers to it.
    pub column: String,
    /// Its type.
    pub data_type: SqlType,
}

/// Begins what is said of a condition that is no truth value, before the clause it stands in.
const NO_CONDITION: &str = "Type error in ";

impl Lowering<'_> {
    /// The expression with its type.
    ///
    /// # Errors
    /// Types that do not fit, functions that do not exist.
    pub fn lower(&self, expression: &Expression) -> Result<Typed, SqlError> {
        if let Some(typed) = self.substitute(expression) {
            return Ok(typed.clone());
        }
        self.lower_node(expression).map_err(|error| error.or_at(expression.span))
    }

    /// The expression as a condition: it must be BOOLEAN, and whether it is false or NULL makes no
    /// difference.
    ///
    /// # Errors
    /// As [`Lowering::lower`].
    pub fn predicate(&self, expression: &Expression) -> Result<Expr, SqlError> {
        let typed = self.condition(expression).map_err(|error| self.in_filter(expression, error))?;
        match typed.data_type {
            Some(SqlType::Boolean) => Ok(typed.expr),
            None => cast::null(&SqlType::Boolean),
            Some(other) => Err(self.no_condition(expression, &other)),
        }
    }

    /// The error for a condition of another type.
    fn no_condition(&self, expression: &Expression, found: &SqlType) -> SqlError {
        SqlError::type_error(format!(
            "{NO_CONDITION}{} expression: Should evaluate to boolean but is {expression} ({found}) instead.",
            self.clause
        ))
        .at(expression.span)
        .with_detail(format!("Statement: {expression}"))
    }

    /// An error about what is in a filter, which says so.
    fn in_filter(&self, expression: &Expression, mut error: SqlError) -> SqlError {
        let (prefix, conversion) = (self.clause.filter_error_prefix(), self.clause.conversion_error_prefix());
        let about_types = [SqlErrorKind::Type, SqlErrorKind::UnknownFunction, SqlErrorKind::UnknownColumn]
            .contains(&error.kind);
        let told = [conversion, NO_CONDITION].iter().any(|start| error.message.starts_with(start));
        if !about_types || prefix.is_empty() || told {
            return error;
        }
        error.message.insert_str(0, prefix);
        error.detail = error.detail.or_else(|| Some(format!("Statement: {expression}")));
        error
    }

    fn substitute(&self, expression: &Expression) -> Option<&Typed> {
        let substitution =
            self.substitutions.iter().find(|substitution| substitution.expression == *expression);
        substitution.map(|substitution| &substitution.typed)
    }

    /// The expression where NULL and false are the same.
    fn condition(&self, expression: &Expression) -> Result<Typed, SqlError> {
        if self.substitute(expression).is_some() {
            return self.lower(expression);
        }
        let boolean = |expr: Expr| Typed::new(expr, SqlType::Boolean);
        match &expression.node {
            Node::Logical { operator, left, right } => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                self.logical(expression, *operator, left, right)
            }
            Node::Comparison { operator, left, right } => self
                .comparison(*operator, left, right)
                .map(boolean)
                .map_err(|error| error.or_at(expression.span)),
            Node::Between { value, low, high, negated: false } => {
                self.between(value, low, high).map(boolean).map_err(|error| error.or_at(expression.span))
            }
            Node::In { value, list, negated: false } => {
                self.in_list(value, list).map(boolean).map_err(|error| error.or_at(expression.span))
            }
            Node::Like { value, pattern, escape, negated: false } => {
                self.like(value, pattern, *escape).map(boolean).map_err(|error| error.or_at(expression.span))
            }
            _ => self.lower(expression),
        }
    }

    fn lower_node(&self, expression: &Expression) -> Result<Typed, SqlError> {
        Ok(match &expression.node {
            Node::Literal(literal) => literal_expr(literal),
            Node::IntervalUnit(unit) => Typed::new(lit(unit.as_str()), SqlType::String),
            Node::Column(column) => Typed::new(column.to_expr(), self.scope.column_type(column)?),
            Node::Computed(name) => return Err(SqlError::internal(format!("nothing stands for {name}"))),
            Node::WindowBound(bound) => {
                return Err(SqlError::internal(format!("no window bound {}", bound.name())));
            }
            Node::Negate(value) => self.negate(expression, value)?,
            Node::Not(value) => {
                let value = self.as_boolean(expression, self.lower(value)?)?;
                Typed::new(Expr::Not(Box::new(value)), SqlType::Boolean)
            }
            Node::Arithmetic { operator, left, right } => {
                self.arithmetic(expression, *operator, left, right)?
            }
            Node::Comparison { operator, left, right } => {
                negate_if(false, is_true(self.comparison(*operator, left, right)?))
            }
            Node::Logical { operator, left, right } => {
                let (left, right) = (self.lower(left)?, self.lower(right)?);
                self.logical(expression, *operator, left, right)?
            }
            Node::IsNull { value, negated } => {
                let value = Box::new(self.lower(value)?.expr);
                let expr = if *negated { Expr::IsNotNull(value) } else { Expr::IsNull(value) };
                Typed::new(expr, SqlType::Boolean)
            }
            Node::Between { value, low, high, negated } => {
                negate_if(*negated, is_true(self.between(value, low, high)?))
            }
            Node::In { value, list, negated } => negate_if(*negated, is_true(self.in_list(value, list)?)),
            Node::Like { value, pattern, escape, negated } => {
                negate_if(*negated, is_true(self.like(value, pattern, *escape)?))
            }
            Node::Case { branches, otherwise } => self.case(expression, branches, otherwise.as_deref())?,
            Node::Cast { value, target } => self.cast(value, target)?,
            Node::Call { name, arguments } => self.call(expression, name, arguments)?,
            Node::Lambda { .. } => return Err(lambdas::misplaced(expression)),
            Node::LambdaVariable(name) => self.variable(name)?,
            Node::Field { value, name } => self.field(value, name)?,
            Node::Subscript { value, index } => self.subscript(value, index)?,
            Node::Array(elements) => self.array(elements)?,
            Node::Map(entries) => self.map(entries)?,
            Node::Struct(fields) => self.structure(fields)?,
        })
    }

    fn cast(&self, value: &Expression, target: &SqlType) -> Result<Typed, SqlError> {
        let typed = self.lower(value)?;
        if let Some(from) = &typed.data_type
            && let Some((from, target)) = cast::unsupported(from, target)
        {
            return Err(SqlError::type_error(format!(
                "{}Cast of {from} to {target} is not supported",
                self.clause.conversion_error_prefix()
            )));
        }
        let expr = convert(typed.expr, typed.data_type.as_ref(), target, self.lookup)?;
        Ok(Typed::new(expr, target.clone()))
    }

    fn logical(
        &self,
        expression: &Expression,
        operator: Logical,
        left: Typed,
        right: Typed,
    ) -> Result<Typed, SqlError> {
        let filters = !self.clause.filter_error_prefix().is_empty();
        if let (true, Some(other)) = (filters, [&right, &left].into_iter().find_map(not_boolean)) {
            return Err(self.no_condition(expression, other));
        }
        let (left, right) = (self.as_boolean(expression, left)?, self.as_boolean(expression, right)?);
        let expr = match operator {
            Logical::And => left.and(right),
            Logical::Or => left.or(right),
        };
        Ok(Typed::new(expr, SqlType::Boolean))
    }

    fn as_boolean(&self, expression: &Expression, operand: Typed) -> Result<Expr, SqlError> {
        match operand.data_type {
            None => cast::null(&SqlType::Boolean),
            Some(SqlType::Boolean) => Ok(operand.expr),
            Some(other) => Err(SqlError::type_error(format!(
                "Operands of NOT, AND and OR must be BOOLEAN, but one of {expression} is {other}."
            ))
            .at(expression.span)),
        }
    }
}

/// The type as messages name it; NULL has the type `null`.
pub(crate) fn type_text(data_type: Option<&SqlType>) -> String {
    data_type.map_or_else(|| "null".to_owned(), ToString::to_string)
}

/// The type of an operand that is no truth value.
fn not_boolean(operand: &Typed) -> Option<&SqlType> {
    operand.data_type.as_ref().filter(|data_type| **data_type != SqlType::Boolean)
}

/// The truth of a comparison, which is never NULL.
fn is_true(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            op: Operator::IsDistinctFrom | Operator::IsNotDistinctFrom, ..
        }) => expr,
        other => Expr::IsTrue(Box::new(other)),
    }
}

fn negate_if(negated: bool, expr: Expr) -> Typed {
    Typed::new(if negated { Expr::Not(Box::new(expr)) } else { expr }, SqlType::Boolean)
}

fn literal_expr(literal: &Literal) -> Typed {
    let value = match literal {
        Literal::Null => ScalarValue::Null,
        Literal::Boolean(value) => ScalarValue::Boolean(Some(*value)),
        Literal::Integer(value) => ScalarValue::Int32(Some(*value)),
        Literal::Bigint(value) => ScalarValue::Int64(Some(*value)),
        Literal::Decimal { unscaled, precision, scale } => {
            ScalarValue::Decimal128(Some(*unscaled), *precision, scale.cast_signed())
        }
        Literal::Double(value) => ScalarValue::Float64(Some(*value)),
        Literal::String(text) => ScalarValue::Utf8(Some(text.clone())),
    };
    Typed { expr: Expr::Literal(value, None), data_type: literal.sql_type() }
}
