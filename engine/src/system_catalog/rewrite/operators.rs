//! Operators and function names.
//!
//! - `a OPERATOR(pg_catalog.~) b` → `a ~ b`
//! - `a COLLATE "x"` → `a`: there is one collation
//! - `pg_catalog.f(…)` → `f(…)`
//! - `a = ANY ('{1,2}')` → `a = ANY (ARRAY['1', '2'])`
//! - `list = '{0}'` → `array_text(list) = '{0}'`
//! - `generate_series(a, b)` in an expression → `unnest(series(a, b))`, and the other functions that give
//!   rows likewise
//! - `(f(x)).a` → `get_field(f(x), 'a')`
//! - `localtimestamp`, `transaction_timestamp()` and the like → `now()`, `localtime` → `current_time`
//! - `ARRAY(SELECT …)` is left to [`subqueries`](super::subqueries)

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, ObjectName, ObjectNamePart, Value, ValueWithSpan,
};

use super::{call, folded, is_unqualified_or_system, last_part};

/// Rewrites one expression whose parts have been rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    match expr {
        Expr::Collate { expr: inner, .. } => {
            let inner = std::mem::replace(inner.as_mut(), null());
            *expr = inner;
        }
        Expr::Function(function) => {
            if function.name.0.len() > 1
                && is_unqualified_or_system(&function.name)
                && let Some(name) = function.name.0.last().and_then(ObjectNamePart::as_ident)
            {
                function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(folded(name)))]);
            }
            if let Some(clock) = clock_function(function) {
                function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new(clock))]);
            }
            if let Some(rows) = row_function(function) {
                *expr = call("unnest", vec![rows]);
            }
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            if let [AccessExpr::Dot(Expr::Identifier(field))] = access_chain.as_slice()
                && matches!(root.as_ref(), Expr::Nested(_) | Expr::Function(_))
            {
                let field = Expr::value(Value::SingleQuotedString(folded(field)));
                let root = std::mem::replace(root.as_mut(), null());
                *expr = call("get_field", vec![root, field]);
            }
        }
        Expr::AnyOp { right, .. } | Expr::AllOp { right, .. } => {
            let elements = right_side(right).and_then(|text| array_elements(&text));
            if let Some(elements) = elements {
                **right = string_array(elements);
            }
        }
        Expr::BinaryOp { left, op, right } => {
            if let BinaryOperator::PGCustomBinaryOperator(parts) = op
                && let Some(plain) = parts.last().and_then(|symbol| plain_operator(symbol))
            {
                *op = plain;
            }
            if matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq) {
                if is_array_text(right) {
                    wrap(left);
                } else if is_array_text(left) {
                    wrap(right);
                }
            }
        }
        _ => {}
    }
}

/// DataFusion's name for a function that tells the time: a statement is a transaction of its own, and
/// there is one time zone.
fn clock_function(function: &Function) -> Option<&'static str> {
    match last_part(&function.name)?.as_str() {
        "localtimestamp" | "transaction_timestamp" | "statement_timestamp" | "clock_timestamp" => Some("now"),
        "localtime" => Some("current_time"),
        _ => None,
    }
}

/// The list whose elements are the rows that a function gives.
fn row_function(function: &Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let arguments: Vec<Expr> = list
        .args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    match last_part(&function.name)?.as_str() {
        "generate_series" => Some(call("series", arguments)),
        "generate_subscripts" => {
            let one = Expr::value(Value::Number("1".to_owned(), false));
            Some(call("series", vec![one, call("array_upper", arguments)]))
        }
        "_pg_expandarray" => Some(call("expand_array", arguments)),
        _ => None,
    }
}

fn plain_operator(symbol: &str) -> Option<BinaryOperator> {
    Some(match symbol {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "=" => BinaryOperator::Eq,
        "<>" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}

fn wrap(side: &mut Expr) {
    // Two texts are compared as they are.
    if string(side).is_none() {
        let inner = std::mem::replace(side, null());
        *side = call("array_text", vec![inner]);
    }
}

fn is_array_text(expr: &Expr) -> bool {
    string(expr).is_some_and(|text| text.starts_with('{') && text.ends_with('}'))
}

fn right_side(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => right_side(inner),
        _ => string(expr).map(str::to_owned),
    }
}

/// The text of a string.
pub(super) fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

/// The elements of an array written as a text: `{a,"b c"}`. Catalog statements use plain ones only;
/// what is none is left alone.
pub(super) fn array_elements(text: &str) -> Option<Vec<String>> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inside.is_empty() {
        return Some(Vec::new());
    }
    if inside.contains(['{', '}', '\\']) {
        return None;
    }
    Some(inside.split(',').map(|element| element.trim().trim_matches('"').to_owned()).collect())
}

/// `ARRAY['a', 'b']`.
pub(super) fn string_array(elements: Vec<String>) -> Expr {
    let elem = elements.into_iter().map(|element| Expr::value(Value::SingleQuotedString(element))).collect();
    Expr::Array(Array { elem, named: true })
}

/// What stands in an expression's place while it is taken out.
pub(super) fn null() -> Expr {
    Expr::value(Value::Null)
}
