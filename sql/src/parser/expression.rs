//! Expressions that sqlparser has no grammar for, and how its tree carries them.
//!
//! | written | in the tree |
//! |---|---|
//! | `a->b` | [`Expr::BinaryOp`] with [`BinaryOperator::Arrow`], the field an [`Expr::Identifier`] |
//! | `a->b[1]` | [`Expr::CompoundFieldAccess`] with `a->b` as its root |
//! | `a->*` | a call of [`STRUCT_WILDCARD`] with `a`; only valid as an item of a projection |
//! | `x => e`, `(x, y) => e` | [`Expr::Lambda`] |
//! | `ARRAY[a, b]` | [`Expr::Array`] |
//! | `STRUCT(a := 1)` | a call of `STRUCT` with [`FunctionArg::Named`] |
//! | `MAP(k := v)` | a call of `MAP` with [`FunctionArg::ExprNamed`] |
//! | `TIMESTAMPADD(SECONDS, …)` | the unit is a call of [`INTERVAL_UNIT`] with `'SECONDS'` |
//! | `CAST(a AS type)`, `a::type` | [`Expr::Cast`] with the type as [`SqlType::to_ast`] writes it |
//! | `CEIL(a)`, `FLOOR(a)`, `SUBSTRING(a, …)`, `TRIM(a)` | plain calls; sqlparser's own nodes only for the forms of Postgres that no call expresses |
//!
//! [`SqlType::to_ast`]: crate::type_system::SqlType::to_ast

use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgOperator, FunctionArgumentList, FunctionArguments, Ident, LambdaFunction,
    LambdaFunctionParameter, LambdaSyntax, ObjectName, OneOrManyWithParens, UnaryOperator, Value, Visit,
};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::complexity::TreeGauge;
use super::cursor::{TokenCursor, unquoted};
use super::data_type::parse_cast_type;
use super::dialect::{FIELD_ACCESS_PRECEDENCE, NOT_PRECEDENCE};
use super::keywords;
use super::syntax_error::{AN_EXPRESSION, carry, conclusive};
use crate::error::{SYNTAX_ERROR_NEAR, SqlError};

/// Name of the function that stands for `struct->*`.
pub const STRUCT_WILDCARD: &str = "__STRUCT_WILDCARD";

/// Name of the function that stands for a unit of time given as an argument.
pub const INTERVAL_UNIT: &str = "__INTERVAL_UNIT";

/// Functions whose first argument is a unit of time.
const UNIT_FUNCTIONS: [&str; 6] =
    ["DATEADD", "DATESUB", "TIMEADD", "TIMESUB", "TIMESTAMPADD", "TIMESTAMPSUB"];

/// Units of time that functions take.
const UNITS: [&str; 14] = [
    "YEAR",
    "YEARS",
    "MONTH",
    "MONTHS",
    "DAY",
    "DAYS",
    "HOUR",
    "HOURS",
    "MINUTE",
    "MINUTES",
    "SECOND",
    "SECONDS",
    "MILLISECOND",
    "MILLISECONDS",
];

/// Reads what begins an expression; `None` where sqlparser's own grammar is right.
pub(crate) fn parse_prefix(parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    // Behind a dot every word is a name, whatever else it means.
    if parser.get_current_token().token == Token::Period {
        return parse_name_behind_dot(parser);
    }
    let next = parser.peek_token_ref();
    let followed_by = |token: &Token| parser.peek_symbol_at(1, token);
    match &next.token {
        Token::LParen => is_lambda_with_parentheses(parser).then(|| parse_lambda(parser)),
        Token::Word(_) if followed_by(&Token::RArrow) => Some(parse_lambda(parser)),
        Token::Word(word) if word.quote_style.is_none() => {
            let calls = followed_by(&Token::LParen);
            match word.value.to_ascii_uppercase().as_str() {
                "CASE" => {
                    parser.advance_token();
                    Some(parser.parse_case_expr())
                }
                // In Postgres USER is a function called without parentheses; it is a common name of a
                // column, and whoever resolves names can still take it for the function.
                "USER" => parser.expect_name("a name").map(Expr::Identifier).map(Ok).ok(),
                // sqlparser takes the word for a call whatever follows it.
                "TRIM" if !calls => Some(parser.expect_name("a name").map(Expr::Identifier)),
                "NOT" => Some(parse_not(parser)),
                "CAST" if calls => Some(parse_cast(parser)),
                "ARRAY" if followed_by(&Token::LBracket) => Some(parse_array(parser)),
                "MAP" if calls => Some(parse_map(parser)),
                "CEIL" | "FLOOR" | "SUBSTRING" | "SUBSTR" | "TRIM" if calls => {
                    Some(parse_special_call(parser))
                }
                "EXTRACT" if calls => {
                    parser.advance_token();
                    Some(parser.parse_extract_expr())
                }
                name if calls && UNIT_FUNCTIONS.contains(&name) => {
                    takes_unit(parser).then(|| parse_unit_call(parser))
                }
                _ if parser.peek_unclaimed_word() => {
                    Some(parser.expect_column("a name").map(Expr::Identifier))
                }
                name => (keywords::is_reserved(name) && !can_begin_expression(name, calls))
                    .then(|| parser.unexpected(AN_EXPRESSION)),
            }
        }
        _ => None,
    }
}

/// Reads what follows `left`; `None` where sqlparser's own grammar is right.
pub(crate) fn parse_infix(
    parser: &mut Parser<'_>,
    left: &Expr,
    precedence: u8,
) -> Option<Result<Expr, ParserError>> {
    let next = &parser.peek_token_ref().token;
    if *next == Token::Arrow && precedence == FIELD_ACCESS_PRECEDENCE {
        Some(copy_of(left).and_then(|left| parse_field_access(parser, left)))
    } else if *next == Token::DoubleEq {
        Some(Err(refused_operator(parser, "==", "write = to compare")))
    } else if *next == Token::DoubleColon {
        Some(copy_of(left).and_then(|left| parse_double_colon(parser, left)))
    } else if parser.take_words(&["IS", "DISTINCT", "FROM"]) {
        // sqlparser reads the right side of IS DISTINCT FROM up to the end, AND included.
        let sides = copy_of(left).and_then(|left| Ok((left, parser.parse_subexpr(precedence)?)));
        Some(sides.map(|(left, right)| Expr::IsDistinctFrom(Box::new(left), Box::new(right))))
    } else if parser.take_words(&["IS", "NOT", "DISTINCT", "FROM"]) {
        let sides = copy_of(left).and_then(|left| Ok((left, parser.parse_subexpr(precedence)?)));
        Some(sides.map(|(left, right)| Expr::IsNotDistinctFrom(Box::new(left), Box::new(right))))
    } else {
        None
    }
}

/// A copy, for those who are only lent what they keep. Copying a tree takes more stack than building it, so
/// one that would be refused in the end is refused here.
pub(super) fn copy_of<T: Visit + Clone>(tree: &T) -> Result<T, ParserError> {
    TreeGauge::default().add(tree).map_err(|_| ParserError::RecursionLimitExceeded)?;
    Ok(tree.clone())
}

/// The struct of `struct->*`, if `expr` is that.
pub fn struct_wildcard(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Function(function) if is_call_of(function, STRUCT_WILDCARD) => match arguments(function)? {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(base))] => Some(base),
            _ => None,
        },
        _ => None,
    }
}

/// The unit of time, in upper case, that stands as an argument of a function, if `expr` is that.
pub fn interval_unit(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Function(function) if is_call_of(function, INTERVAL_UNIT) => match arguments(function)? {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
                Value::SingleQuotedString(unit) => Some(unit),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// The field that `base->field` names, with its base, if `expr` is that.
pub fn field_access(expr: &Expr) -> Option<(&Expr, &Ident)> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::Arrow, right } => match right.as_ref() {
            Expr::Identifier(field) => Some((left, field)),
            _ => None,
        },
        _ => None,
    }
}

fn is_call_of(function: &Function, name: &str) -> bool {
    match function.name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| ident.value == name),
        _ => false,
    }
}

fn arguments(function: &Function) -> Option<&[FunctionArg]> {
    match &function.args {
        FunctionArguments::List(list) => Some(&list.args),
        _ => None,
    }
}

/// Reserved words with which an expression does begin, and those that are functions in Postgres.
fn can_begin_expression(name: &str, calls: bool) -> bool {
    matches!(name, "NULL" | "TRUE" | "FALSE" | "NOT" | "EXISTS" | "CASE" | "CAST")
        || (calls && matches!(name, "LEFT" | "RIGHT"))
}

/// The error for an operator of other languages that is next.
fn refused_operator(parser: &Parser<'_>, operator: &str, hint: &str) -> ParserError {
    let error = SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}'{operator}'"))
        .at_location(parser.here())
        .with_hint(hint);
    conclusive(carry(error))
}

/// `a->b`, `a->*`, and subscripts right behind the field: `a->b[1]`.
fn parse_field_access(parser: &mut Parser<'_>, base: Expr) -> Result<Expr, ParserError> {
    let is_call = matches!(parser.peek_nth_token_ref(1).token, Token::Word(_))
        && parser.peek_symbol_at(2, &Token::LParen);
    if is_call || matches!(base, Expr::Tuple(_)) {
        return Err(refused_operator(
            parser,
            "->",
            "a lambda is written with =>; -> gives a field of a STRUCT",
        ));
    }
    parser.advance_token();
    let next = parser.peek_token_ref().clone();
    match next.token {
        Token::Mul => {
            parser.advance_token();
            Ok(call(STRUCT_WILDCARD, next.span, vec![unnamed(base)]))
        }
        Token::Word(word) => {
            parser.advance_token();
            let access = Expr::BinaryOp {
                left: Box::new(base),
                op: BinaryOperator::Arrow,
                right: Box::new(Expr::Identifier(word.into_ident(next.span))),
            };
            if parser.peek_symbol_at(0, &Token::LBracket) {
                parser.parse_compound_expr(access, Vec::new())
            } else {
                Ok(access)
            }
        }
        _ => parser.unexpected("the name of a field"),
    }
}

fn parse_name_behind_dot(parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
    let next = parser.peek_token_ref();
    match &next.token {
        Token::Word(word) if !parser.peek_symbol_at(1, &Token::LParen) => {
            let name = word.to_ident(next.span);
            parser.advance_token();
            Some(Ok(Expr::Identifier(name)))
        }
        _ => None,
    }
}

/// Whether a parenthesis opens the parameters of a lambda: `(a, b) =>`.
fn is_lambda_with_parentheses(parser: &Parser<'_>) -> bool {
    let mut n = 1;
    loop {
        let parameter = matches!(parser.peek_nth_token_ref(n).token, Token::Word(_));
        if !parameter {
            return false;
        }
        match parser.peek_nth_token_ref(n + 1).token {
            Token::Comma => n += 2,
            Token::RParen => return parser.peek_symbol_at(n + 2, &Token::RArrow),
            _ => return false,
        }
    }
}

fn parse_lambda(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let parameter = |parser: &mut Parser<'_>| {
        Ok(LambdaFunctionParameter { name: parser.expect_name("the name of a parameter")?, data_type: None })
    };
    let params = if parser.consume_token(&Token::LParen) {
        let params = parser.parse_comma_separated(parameter)?;
        parser.expect_token(&Token::RParen)?;
        OneOrManyWithParens::Many(params)
    } else {
        OneOrManyWithParens::One(parameter(parser)?)
    };
    parser.expect_token(&Token::RArrow)?;
    Ok(Expr::Lambda(LambdaFunction {
        params,
        body: Box::new(parser.parse_expr()?),
        syntax: LambdaSyntax::Arrow,
    }))
}

/// `NOT a`. sqlparser would take a `NOT` whose operand is wrong for the name of a column.
fn parse_not(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    if parser.take_word("EXISTS") {
        return parser.parse_exists_expr(true);
    }
    Ok(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(parser.parse_subexpr(NOT_PRECEDENCE)?) })
}

fn parse_cast(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LParen)?;
    let expr = Box::new(parser.parse_expr()?);
    parser.expect_words(&["AS"])?;
    let data_type = parse_cast_type(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None })
}

fn parse_double_colon(parser: &mut Parser<'_>, expr: Expr) -> Result<Expr, ParserError> {
    parser.advance_token();
    Ok(Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type: parse_cast_type(parser)?,
        array: false,
        format: None,
    })
}

fn parse_array(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    parser.advance_token();
    parser.expect_token(&Token::LBracket)?;
    parser.parse_array_expr(true)
}

fn parse_map(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let entries = parser.parse_comma_separated0(
        |parser| {
            let key = parser.parse_expr()?;
            parser.expect_token(&Token::Assignment)?;
            Ok(FunctionArg::ExprNamed {
                name: key,
                arg: FunctionArgExpr::Expr(parser.parse_expr()?),
                operator: FunctionArgOperator::Assignment,
            })
        },
        Token::RParen,
    )?;
    parser.expect_token(&Token::RParen)?;
    Ok(call_of_word(name, entries))
}

/// Functions for which SQL has a syntax of its own; called plainly they are plain calls.
fn parse_special_call(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = parser.peek_token();
    let is_ceil = parser.peek_word("CEIL");
    let special = if is_ceil || parser.peek_word("FLOOR") {
        parser.advance_token();
        parser.parse_ceil_floor_expr(is_ceil)?
    } else if parser.peek_word("TRIM") {
        parser.advance_token();
        parser.parse_trim_expr()?
    } else {
        parser.parse_substring()?
    };
    let arguments = match special {
        Expr::Ceil { expr, field } | Expr::Floor { expr, field } => match field {
            CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => vec![*expr],
            CeilFloorKind::Scale(scale) => vec![*expr, Expr::Value(scale)],
            CeilFloorKind::DateTimeField(_) if is_ceil => return Ok(Expr::Ceil { expr, field }),
            CeilFloorKind::DateTimeField(_) => return Ok(Expr::Floor { expr, field }),
        },
        Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
            [*expr, *from].into_iter().chain(substring_for.map(|length| *length)).collect()
        }
        Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters } => {
            std::iter::once(*expr).chain(trim_characters.into_iter().flatten()).collect()
        }
        other => return Ok(other),
    };
    Ok(call_of_word(name, arguments.into_iter().map(unnamed).collect()))
}

/// Whether the first argument of the call ahead is a unit of time.
fn takes_unit(parser: &Parser<'_>) -> bool {
    parser.peek_symbol_at(3, &Token::Comma)
        && unquoted(&parser.peek_nth_token_ref(2).token)
            .is_some_and(|word| UNITS.contains(&word.to_ascii_uppercase().as_str()))
}

fn parse_unit_call(parser: &mut Parser<'_>) -> Result<Expr, ParserError> {
    let name = parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let unit = parser.next_token();
    let unit_name = unquoted(&unit.token).unwrap_or_default().to_ascii_uppercase();
    let literal = Value::SingleQuotedString(unit_name).with_span(unit.span);
    let unit = call(INTERVAL_UNIT, unit.span, vec![unnamed(Expr::Value(literal))]);
    let mut arguments = vec![unnamed(unit)];
    while parser.consume_token(&Token::Comma) {
        arguments.push(unnamed(parser.parse_expr()?));
    }
    parser.expect_token(&Token::RParen)?;
    Ok(call_of_word(name, arguments))
}

fn unnamed(expr: Expr) -> FunctionArg {
    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))
}

fn call_of_word(name: TokenWithSpan, arguments: Vec<FunctionArg>) -> Expr {
    match name.token {
        Token::Word(word) => call_of(word.into_ident(name.span), arguments),
        other => call(&other.to_string(), name.span, arguments),
    }
}

fn call(name: &str, span: Span, arguments: Vec<FunctionArg>) -> Expr {
    call_of(Ident::with_span(span, name), arguments)
}

fn call_of(name: Ident, arguments: Vec<FunctionArg>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
