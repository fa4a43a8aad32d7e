//! From sqlparser's tree to [`Expression`]s: names are looked up, spellings become one.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, DataType, DuplicateTreatment, ExactNumberInfo, Expr as Ast,
    Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, LambdaFunction, ObjectName, Spanned,
    Subscript, UnaryOperator, Value, ValueWithSpan, visit_expressions,
};
use sqlparser::tokenizer::Span;

use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Arithmetic, Comparison, Expression, Literal, Logical, Node};
use crate::analyzer::other_dialects;
use crate::analyzer::reserved::{self, AS_VALUE};
use crate::analyzer::scope::Scope;
use crate::error::{SqlError, SqlErrorKind, closest};
use crate::lookup::Lookup;
use crate::parser::expression::{field_access, interval_unit};
use crate::parser::identifier::{Name, stored_name};
use crate::type_system::{SqlType, TYPE_NAMES};

/// Resolves the expressions of one clause.
#[derive(Clone, Copy)]
pub struct Resolver<'a> {
    /// What names mean.
    pub scope: &'a Scope,
    /// The clause, for error texts.
    pub clause: Clause,
    /// Custom types and functions.
    pub lookup: &'a dyn Lookup,
    /// Stored names of the variables of the lambdas around the expression.
    pub variables: &'a [String],
}

impl Resolver<'_> {
    /// Refuses names before a point that are no sources, wherever they stand in `ast`.
    ///
    /// # Errors
    /// There is such a name.
    pub fn check_qualifiers(&self, ast: &Ast) -> Result<(), SqlError> {
        let mut unknown = None;
        let _ = visit_expressions(ast, |part| {
            if let Ast::CompoundIdentifier(idents) = part
                && let [.., source, member] = idents.as_slice()
                && let Err(error) = self.scope.resolve_qualifier(&Name::from(source), &Name::from(member))
            {
                unknown = Some(error);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        unknown.map_or(Ok(()), Err)
    }

    /// The expression that `ast` means.
    ///
    /// # Errors
    /// Unknown and ambiguous names, literals that are no values, and what the language has no meaning
    /// for.
    pub fn resolve(&self, ast: &Ast) -> Result<Expression, SqlError> {
        let span = ast.span();
        let node = match ast {
            Ast::Nested(inner) => return self.resolve(inner),
            Ast::Value(value) => Node::Literal(literal(value)?),
            Ast::Identifier(ident) if self.is_variable(ident) => Node::LambdaVariable(stored_name(ident)),
            Ast::Identifier(ident) => return self.column(None, ident),
            Ast::CompoundIdentifier(idents) => match idents.as_slice() {
                [column] => return self.column(None, column),
                [source, column] => return self.column(Some(source), column),
                [_, source, column] => return self.column(Some(source), column),
                _ => return Err(unsupported(ast)),
            },
            Ast::BinaryOp { op: BinaryOperator::Arrow, .. } => match field_access(ast) {
                Some((base, field)) => Node::Field { value: self.boxed(base)?, name: stored_name(field) },
                None => return Err(unsupported(ast)),
            },
            Ast::BinaryOp { left, op, right } => self.binary(left, op, right, ast)?,
            Ast::UnaryOp { op, expr } => self.unary(op, expr, ast)?,
            Ast::IsNull(value) | Ast::IsUnknown(value) => {
                Node::IsNull { value: self.boxed(value)?, negated: false }
            }
            Ast::IsNotNull(value) | Ast::IsNotUnknown(value) => {
                Node::IsNull { value: self.boxed(value)?, negated: true }
            }
            Ast::IsDistinctFrom(left, right) => self.comparison(Comparison::IsDistinctFrom, left, right)?,
            Ast::IsNotDistinctFrom(left, right) => {
                self.comparison(Comparison::IsNotDistinctFrom, left, right)?
            }
            Ast::IsTrue(value) => self.truth(Comparison::IsNotDistinctFrom, value, true)?,
            Ast::IsNotTrue(value) => self.truth(Comparison::IsDistinctFrom, value, true)?,
            Ast::IsFalse(value) => self.truth(Comparison::IsNotDistinctFrom, value, false)?,
            Ast::IsNotFalse(value) => self.truth(Comparison::IsDistinctFrom, value, false)?,
            Ast::Between { expr, negated, low, high } => Node::Between {
                value: self.boxed(expr)?,
                low: self.boxed(low)?,
                high: self.boxed(high)?,
                negated: *negated,
            },
            Ast::InList { expr, list, negated } => {
                Node::In { value: self.boxed(expr)?, list: self.list(list)?, negated: *negated }
            }
            Ast::Like { negated, any: false, expr, pattern, escape_char } => Node::Like {
                value: self.boxed(expr)?,
                pattern: self.boxed(pattern)?,
                escape: escape_char.as_ref().map(escape).transpose()?,
                negated: *negated,
            },
            Ast::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())?
            }
            Ast::Cast { expr, data_type, format: None, array: false, .. } => {
                Node::Cast { value: self.boxed(expr)?, target: self.data_type(data_type, span)? }
            }
            Ast::TypedString(typed) if typed.data_type == DataType::Decimal(ExactNumberInfo::None) => {
                Node::Literal(written_decimal(&typed.value)?)
            }
            Ast::TypedString(typed) => Node::Cast {
                value: Box::new(Expression::new(Node::Literal(literal(&typed.value)?), typed.value.span)),
                target: self.data_type(&typed.data_type, span)?,
            },
            Ast::CompoundFieldAccess { root, access_chain } => {
                return self.accesses(root, access_chain, ast);
            }
            Ast::Array(array) => Node::Array(self.list(&array.elem)?),
            Ast::Function(function) => self.call(function, ast)?,
            Ast::Lambda(lambda) => self.lambda(lambda)?,
            _ => return Err(unsupported(ast)),
        };
        Ok(Expression::new(node, span))
    }

    fn boxed(&self, ast: &Ast) -> Result<Box<Expression>, SqlError> {
        self.resolve(ast).map(Box::new)
    }

    fn list(&self, list: &[Ast]) -> Result<Vec<Expression>, SqlError> {
        list.iter().map(|ast| self.resolve(ast)).collect()
    }

    fn column(&self, source: Option<&Ident>, column: &Ident) -> Result<Expression, SqlError> {
        let source = source.map(Name::from);
        self.scope.resolve_column(source.as_ref(), &Name::from(column), self.clause)
    }

    fn binary(
        &self,
        left: &Ast,
        operator: &BinaryOperator,
        right: &Ast,
        whole: &Ast,
    ) -> Result<Node, SqlError> {
        let arithmetic = match operator {
            BinaryOperator::Plus => Some(Arithmetic::Add),
            BinaryOperator::Minus => Some(Arithmetic::Subtract),
            BinaryOperator::Multiply => Some(Arithmetic::Multiply),
            BinaryOperator::Divide => Some(Arithmetic::Divide),
            BinaryOperator::Modulo => Some(Arithmetic::Modulo),
            BinaryOperator::StringConcat => Some(Arithmetic::Concat),
            _ => None,
        };
        if let Some(operator) = arithmetic {
            return Ok(Node::Arithmetic { operator, left: self.boxed(left)?, right: self.boxed(right)? });
        }
        let comparison = match operator {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::LessThan),
            BinaryOperator::LtEq => Some(Comparison::LessThanOrEqual),
            BinaryOperator::Gt => Some(Comparison::GreaterThan),
            BinaryOperator::GtEq => Some(Comparison::GreaterThanOrEqual),
            _ => None,
        };
        if let Some(operator) = comparison {
            return self.comparison(operator, left, right);
        }
        let operator = match operator {
            BinaryOperator::And => Logical::And,
            BinaryOperator::Or => Logical::Or,
            _ => return Err(unsupported(whole)),
        };
        Ok(Node::Logical { operator, left: self.boxed(left)?, right: self.boxed(right)? })
    }

    fn comparison(&self, operator: Comparison, left: &Ast, right: &Ast) -> Result<Node, SqlError> {
        Ok(Node::Comparison { operator, left: self.boxed(left)?, right: self.boxed(right)? })
    }

    /// `a IS TRUE` and the like ask whether `a` is distinct from that value.
    fn truth(&self, operator: Comparison, value: &Ast, wanted: bool) -> Result<Node, SqlError> {
        let wanted = Expression::new(Node::Literal(Literal::Boolean(wanted)), Span::empty());
        Ok(Node::Comparison { operator, left: self.boxed(value)?, right: Box::new(wanted) })
    }

    fn unary(&self, operator: &UnaryOperator, value: &Ast, whole: &Ast) -> Result<Node, SqlError> {
        match (operator, value) {
            // The sign belongs to the number: the smallest BIGINT has no positive counterpart.
            (UnaryOperator::Minus, Ast::Value(ValueWithSpan { value: Value::Number(digits, _), .. })) => {
                number(&format!("-{digits}"), whole.span()).map(Node::Literal)
            }
            (UnaryOperator::Minus, _) => Ok(Node::Negate(self.boxed(value)?)),
            (UnaryOperator::Plus, _) => self.resolve(value).map(|value| value.node),
            (UnaryOperator::Not, _) => Ok(Node::Not(self.boxed(value)?)),
            _ => Err(unsupported(whole)),
        }
    }

    /// `CASE a WHEN b` means `CASE WHEN a = b`.
    fn case(
        &self,
        operand: Option<&Ast>,
        branches: &[CaseWhen],
        otherwise: Option<&Ast>,
    ) -> Result<Node, SqlError> {
        let branches = branches
            .iter()
            .map(|branch| {
                let condition = match operand {
                    Some(operand) => Expression::new(
                        self.comparison(Comparison::Equal, operand, &branch.condition)?,
                        branch.condition.span(),
                    ),
                    None => self.resolve(&branch.condition)?,
                };
                Ok((condition, self.resolve(&branch.result)?))
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        let otherwise = otherwise.map(|otherwise| self.boxed(otherwise)).transpose()?;
        Ok(Node::Case { branches, otherwise })
    }

    fn data_type(&self, data_type: &DataType, span: Span) -> Result<SqlType, SqlError> {
        let data_type = SqlType::from_ast(data_type).map_err(|error| error.or_at(span))?;
        resolve_custom_types(&data_type, self.lookup, span)
    }

    fn accesses(&self, root: &Ast, chain: &[AccessExpr], whole: &Ast) -> Result<Expression, SqlError> {
        let (mut value, chain) = match (root, chain) {
            // `source.column[1]`
            (Ast::Identifier(source), [AccessExpr::Dot(Ast::Identifier(column)), rest @ ..]) => {
                (self.column(Some(source), column)?, rest)
            }
            _ => (self.resolve(root)?, chain),
        };
        for access in chain {
            let node = match access {
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    Node::Subscript { value: Box::new(value), index: self.boxed(index)? }
                }
                AccessExpr::Dot(Ast::Identifier(field)) => {
                    Node::Field { value: Box::new(value), name: stored_name(field) }
                }
                _ => return Err(unsupported(whole)),
            };
            value = Expression::new(node, whole.span());
        }
        Ok(value)
    }

    fn call(&self, function: &Function, whole: &Ast) -> Result<Node, SqlError> {
        if let Some(unit) = interval_unit(whole) {
            return Ok(Node::IntervalUnit(unit.to_owned()));
        }
        let name = function_name(&function.name).ok_or_else(|| unsupported(whole))?;
        let FunctionArguments::List(list) = &function.args else {
            return Err(unsupported(whole));
        };
        let plain = function.over.is_none()
            && function.filter.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty();
        if !plain {
            let error = unsupported(whole);
            return Err(match list.duplicate_treatment {
                Some(DuplicateTreatment::Distinct) => {
                    error.with_hint("COUNT_DISTINCT and COLLECT_SET aggregate different values")
                }
                _ => error,
            });
        }
        let known = || {
            self.lookup.scalar_function(&name).is_some()
                || self.lookup.aggregate_function(&name).is_some()
                || (self.clause == Clause::Select && self.lookup.table_function(&name).is_some())
                || self.lookup.user_function(&name).is_some()
        };
        if reserved::is_reserved(&name) || !(NOT_LOOKED_UP.contains(&name.as_str()) || known()) {
            return Err(unknown_function(&name, self.lookup).at(whole.span()));
        }
        match name.as_str() {
            "MAP" => self.map(&list.args, whole),
            "STRUCT" => self.structure(&list.args, whole),
            _ => {
                let arguments = list.args.iter().filter_map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(self.resolve(value)),
                    // `COUNT(*)` is `COUNT()`.
                    FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => None,
                    _ => Some(Err(unsupported(whole))),
                });
                let arguments = arguments.collect::<Result<Vec<Expression>, SqlError>>()?;
                if self.lookup.aggregate_function(&name).is_some() {
                    self.check_aggregate_arguments(&name, &arguments)?;
                }
                Ok(Node::Call { name, arguments })
            }
        }
    }

    /// An aggregate in a lambda is computed once a group, so it cannot depend on the lambda's variables.
    fn check_aggregate_arguments(&self, name: &str, arguments: &[Expression]) -> Result<(), SqlError> {
        let variable = arguments.iter().find_map(Expression::free_variable);
        let Some((variable, span)) = variable else { return Ok(()) };
        let message =
            format!("Aggregate function {name} cannot be applied to the variable '{variable}' of a lambda.");
        Err(SqlError::invalid(message)
            .at(span)
            .with_hint("REDUCE makes one value of the elements of an ARRAY"))
    }

    fn lambda(&self, lambda: &LambdaFunction) -> Result<Node, SqlError> {
        let variables: Vec<String> =
            lambda.params.iter().map(|parameter| stored_name(&parameter.name)).collect();
        let duplicate =
            |message: String| Err(SqlError::new(SqlErrorKind::Duplicate, message).at(lambda.body.span()));
        if variables.iter().enumerate().any(|(at, name)| variables[..at].contains(name)) {
            return duplicate(format!("Lambda arguments have duplicates: [{}]", variables.join(", ")));
        }
        if self.lookup.within_ksqldb_limits() {
            let is_column = |name: &&String| {
                let mut columns = self.scope.sources.iter().flat_map(|source| &source.source.columns);
                columns.any(|column| column.name == **name)
            };
            if let Some(column) = variables.iter().find(is_column) {
                return duplicate(format!("Lambda function argument can't be a column name: {column}"));
            }
            if variables.iter().any(|name| self.variables.contains(name)) {
                return duplicate("Reusing lambda arguments in nested lambda is not allowed".to_owned());
            }
        }
        // The variables of the inner lambda hide those of the same name around it.
        let visible: Vec<String> = variables.iter().chain(self.variables).cloned().collect();
        let body = Resolver { variables: &visible, ..*self }.boxed(&lambda.body)?;
        Ok(Node::Lambda { variables, body })
    }

    fn is_variable(&self, ident: &Ident) -> bool {
        !self.variables.is_empty() && self.variables.contains(&stored_name(ident))
    }

    fn map(&self, arguments: &[FunctionArg], whole: &Ast) -> Result<Node, SqlError> {
        let entries = arguments.iter().map(|argument| match argument {
            FunctionArg::ExprNamed { name, arg: FunctionArgExpr::Expr(value), .. } => {
                Ok((self.resolve(name)?, self.resolve(value)?))
            }
            _ => Err(unsupported(whole)),
        });
        Ok(Node::Map(entries.collect::<Result<_, _>>()?))
    }

    fn structure(&self, arguments: &[FunctionArg], whole: &Ast) -> Result<Node, SqlError> {
        let mut fields: Vec<(String, Expression)> = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } = argument else {
                return Err(unsupported(whole).with_hint("write STRUCT(name := value, …)"));
            };
            let field = stored_name(name);
            if fields.iter().any(|(other, _)| *other == field) {
                let message = format!("Duplicate field names found in STRUCT: '{field}'");
                return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(name.span));
            }
            fields.push((field, self.resolve(value)?));
        }
        Ok(Node::Struct(fields))
    }
}

/// Digits of a written DECIMAL: what 128 bits hold.
const MAX_LITERAL_DIGITS: u8 = 38;

/// Functions that are part of the language.
pub const NOT_LOOKED_UP: [&str; 3] = [AS_VALUE, "MAP", "STRUCT"];

/// A type with every custom type in it looked up.
///
/// # Errors
/// There is no such type.
pub fn resolve_custom_types(
    data_type: &SqlType,
    lookup: &dyn Lookup,
    span: Span,
) -> Result<SqlType, SqlError> {
    data_type.resolve(&mut |name| match lookup.custom_type(name) {
        Some(data_type) => SqlType::from_arrow(&data_type),
        None => {
            let message = format!("Cannot resolve unknown type: {name}");
            let error = SqlError::new(SqlErrorKind::UnknownType, message).at(span);
            let declared = lookup.custom_type_names();
            let names = TYPE_NAMES.iter().copied().chain(declared.iter().map(String::as_str));
            Err(match (other_dialects::data_type(name), closest(name, names)) {
                (Some(written), _) => error.with_hint(format!("write {written}")),
                (None, Some(near)) => error.with_hint(format!("did you mean '{near}'?")),
                (None, None) => error.with_hint("CREATE TYPE declares a type"),
            })
        }
    })
}

/// The error for a function that does not exist.
#[must_use]
pub fn unknown_function(name: &str, lookup: &dyn Lookup) -> SqlError {
    let written = other_dialects::function(name);
    if lookup.reads_only(name) {
        let error = SqlError::unsupported(format!(
            "Function '{name}' is known to SELECT over what is there now, but not to continuous queries"
        ));
        return match written {
            Some(written) => error.with_hint(format!("they have {written}")),
            None => {
                error.with_hint("leave out EMIT CHANGES and CREATE … AS, or call it where the result is read")
            }
        };
    }
    let message = format!("Can't find any functions with the name '{name}'");
    if lookup.table_function(name).is_some() {
        return SqlError::new(SqlErrorKind::UnknownFunction, message).with_hint(format!(
            "{name} is a table function: it makes rows, and stands in the SELECT of a stream alone"
        ));
    }
    if let Some(written) = written {
        return SqlError::new(SqlErrorKind::UnknownFunction, message).with_hint(format!("write {written}"));
    }
    let names = lookup.function_names();
    let candidates = names.iter().map(String::as_str).filter(|name| !reserved::is_reserved(name));
    SqlError::new(SqlErrorKind::UnknownFunction, message).with_suggestion(name, candidates)
}

/// The upper-case name of a function that is called, unless other names stand before it.
#[must_use]
pub fn function_name(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_uppercase()),
        _ => None,
    }
}

fn escape(value: &ValueWithSpan) -> Result<char, SqlError> {
    let text = string(&value.value).unwrap_or_default();
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(escape), None) => Ok(escape),
        _ => {
            Err(SqlError::invalid(format!("Expected single character escape but got: {text}")).at(value.span))
        }
    }
}

fn literal(value: &ValueWithSpan) -> Result<Literal, SqlError> {
    match &value.value {
        Value::Number(digits, _) => number(digits, value.span),
        Value::Boolean(value) => Ok(Literal::Boolean(*value)),
        Value::Null => Ok(Literal::Null),
        other => match string(other) {
            Some(text) => Ok(Literal::String(text.to_owned())),
            None => Err(SqlError::unsupported(format!("{other} cannot be used here")).at(value.span)),
        },
    }
}

fn string(value: &Value) -> Option<&str> {
    match value {
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => Some(text),
        Value::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

/// The value of a number as it is written: with an exponent a DOUBLE, with a point a DECIMAL, else the
/// smaller of INTEGER and BIGINT that holds it.
///
/// # Errors
/// No type holds it.
pub fn number(text: &str, span: Span) -> Result<Literal, SqlError> {
    let invalid = |message: String| SqlError::new(SqlErrorKind::InvalidLiteral, message).at(span);
    if text.contains(['e', 'E']) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Literal::Double(value)),
            Ok(_) => Err(invalid(format!("Number overflows DOUBLE: {text}"))),
            Err(_) => Err(invalid(format!("Not a number: {text}"))),
        };
    }
    if let Some((whole, fraction)) = text.split_once('.') {
        return decimal(whole, fraction).ok_or_else(|| {
            invalid(format!("Invalid numeric literal: {text}")).with_hint(format!(
                "at most {MAX_LITERAL_DIGITS} digits can be written; CAST text to DECIMAL for more"
            ))
        });
    }
    if let Ok(value) = text.parse::<i32>() {
        return Ok(Literal::Integer(value));
    }
    text.parse::<i64>().map(Literal::Bigint).map_err(|_| invalid(format!("Invalid numeric literal: {text}")))
}

/// The value of `DECIMAL '1.50'`, which has the digits that are written.
fn written_decimal(value: &ValueWithSpan) -> Result<Literal, SqlError> {
    let text = string(&value.value).unwrap_or_default();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let literal = if is_number(digits) && is_number(fraction) { decimal(whole, fraction) } else { None };
    literal.ok_or_else(|| {
        let message = format!("Invalid numeric literal: {text}");
        SqlError::new(SqlErrorKind::InvalidLiteral, message).at(value.span)
    })
}

/// Leading zeros do not count as digits, but all digits behind the point do.
fn decimal(whole: &str, fraction: &str) -> Option<Literal> {
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = u8::try_from(fraction.len()).ok()?;
    let digits = unscaled.unsigned_abs().to_string();
    let precision = u8::try_from(digits.len()).ok()?.max(scale);
    (precision <= MAX_LITERAL_DIGITS).then_some(Literal::Decimal { unscaled, precision, scale })
}

fn unsupported(ast: &Ast) -> SqlError {
    let error = SqlError::unsupported(format!("the expression '{ast}' cannot be used here")).at(ast.span());
    match written_instead(ast) {
        Some(written) => error.with_hint(format!("write {written}")),
        None => error,
    }
}

/// What continuous queries have for an expression that only Postgres' grammar has.
fn written_instead(ast: &Ast) -> Option<&'static str> {
    Some(match ast {
        Ast::Substring { .. } => "SUBSTRING(text, position), or SUBSTRING(text, position, length)",
        Ast::Position { .. } => "INSTR(text, part)",
        Ast::Trim { .. } => "TRIM(text)",
        Ast::Extract { .. } => "CAST(FORMAT_TIMESTAMP(time, 'HH') AS INT), with the pattern of the field",
        Ast::AtTimeZone { .. } => "CONVERT_TZ(time, 'from zone', 'to zone')",
        Ast::Interval(_) => "TIMESTAMPADD(unit, number, time), or TIMESTAMPSUB",
        Ast::ILike { .. } => "LCASE(text) LIKE 'pattern'",
        Ast::BinaryOp { op: BinaryOperator::PGOverlap, .. } => "AND between conditions",
        Ast::BinaryOp { op: BinaryOperator::PGRegexMatch | BinaryOperator::PGRegexIMatch, .. } => {
            "REGEXP_EXTRACT('pattern', text) IS NOT NULL"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_smallest_type_that_holds_them() {
        let read = |text| number(text, Span::empty()).expect("a number");
        assert_eq!(read("-2147483648"), Literal::Integer(i32::MIN));
        assert_eq!(read("2147483648"), Literal::Bigint(1 << 31));
        assert_eq!(read("-9223372036854775808"), Literal::Bigint(i64::MIN));
        assert_eq!(read("2.345"), Literal::Decimal { unscaled: 2345, precision: 4, scale: 3 });
        assert_eq!(read("0.010"), Literal::Decimal { unscaled: 10, precision: 3, scale: 3 });
        assert_eq!(read("00.5"), Literal::Decimal { unscaled: 5, precision: 1, scale: 1 });
        assert_eq!(read("1E1"), Literal::Double(10.0));
    }

    #[test]
    fn a_decimal_has_the_digits_that_are_written() {
        let read = |text: &str| {
            let value = Value::SingleQuotedString(text.to_owned());
            written_decimal(&ValueWithSpan { value, span: Span::empty() })
        };
        let decimal = |unscaled, precision, scale| Literal::Decimal { unscaled, precision, scale };
        assert_eq!(read("1.50"), Ok(decimal(150, 3, 2)));
        assert_eq!(read("-7"), Ok(decimal(-7, 1, 0)));
        for text in ["", "-", "1.2.3", "1e3", "ten"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_that_no_type_holds_are_refused() {
        for text in ["9223372036854775808", "-9223372036854775809", "1.8E308", "1.2E400"] {
            assert!(number(text, Span::empty()).is_err(), "{text}");
        }
    }
}
