//! The arguments of a function, as its declaration writes them: `(text STRING, length INTEGER)`.
//!
//! A letter stands for any type, the same one wherever it occurs: `(list ARRAY<T>, element T)`. `DECIMAL`
//! is every DECIMAL, `STRUCT` every STRUCT. The last parameter may be repeated: `(first T, rest T...)`.
//! A lambda is written with what it is given and what it gives: `(list ARRAY<T>, f (T) => U)`.

use std::collections::BTreeMap;
use std::fmt;

use tidemill_sql::parser::parse_type;
use tidemill_sql::type_system::SqlType;

/// The types that the letters of a signature stand for in a call.
pub(super) type Bindings = BTreeMap<char, SqlType>;

/// What a parameter takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TypePattern {
    /// This type.
    Exactly(SqlType),
    /// A DECIMAL of any precision and scale.
    AnyDecimal,
    /// A STRUCT of any fields.
    AnyStruct,
    /// Any type, the same wherever the letter occurs.
    Letter(char),
    /// An ARRAY of such elements.
    Array(Box<TypePattern>),
    /// A MAP of such keys and values.
    Map(Box<TypePattern>, Box<TypePattern>),
    /// A lambda.
    Lambda(LambdaPattern),
}

/// A lambda as a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LambdaPattern {
    /// What its variables are.
    pub variables: Vec<TypePattern>,
    /// What its body gives.
    pub result: Box<TypePattern>,
}

/// A parameter of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Parameter {
    /// Its name, for people.
    pub name: &'static str,
    /// What it takes.
    pub pattern: TypePattern,
}

/// The parameters of one form of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    /// In order.
    pub parameters: Vec<Parameter>,
    /// Whether the last parameter may be repeated, or left out.
    pub is_variadic: bool,
}

impl Signature {
    /// Reads a signature; `None` where it is not written as the module says.
    pub(super) fn parse(text: &'static str) -> Option<Signature> {
        let inner = text.strip_prefix('(')?.strip_suffix(')')?;
        let mut parameters = Vec::new();
        let mut is_variadic = false;
        for written in split_top_level(inner) {
            if is_variadic {
                return None;
            }
            let (name, mut pattern) = written.trim().split_once(' ')?;
            if let Some(repeated) = pattern.trim().strip_suffix("...") {
                is_variadic = true;
                pattern = repeated;
            }
            parameters.push(Parameter { name, pattern: TypePattern::parse(pattern)? });
        }
        Some(Signature { parameters, is_variadic })
    }

    /// The parameter for the argument at a position, in a call with so many arguments; `None` where there
    /// is none.
    pub(super) fn parameter(&self, position: usize, arguments: usize) -> Option<&Parameter> {
        let fixed = self.parameters.len() - usize::from(self.is_variadic);
        let fits = if self.is_variadic { arguments >= fixed } else { arguments == fixed };
        let index = if self.is_variadic { position.min(fixed) } else { position };
        self.parameters.get(index).filter(|_| fits)
    }

    /// Whether a call may have so many arguments.
    pub(super) fn takes(&self, arguments: usize) -> bool {
        let fixed = self.parameters.len() - usize::from(self.is_variadic);
        if self.is_variadic { arguments >= fixed } else { arguments == fixed }
    }

    /// How many parameters leave their type open.
    pub(super) fn letters(&self) -> usize {
        self.parameters.iter().filter(|parameter| parameter.pattern.has_letter()).count()
    }

    /// How many lambdas it takes.
    pub(super) fn lambdas(&self) -> usize {
        let is_lambda = |parameter: &&Parameter| matches!(parameter.pattern, TypePattern::Lambda(_));
        self.parameters.iter().filter(is_lambda).count()
    }
}

impl TypePattern {
    /// Reads a pattern as signatures write it.
    pub(super) fn parse(text: &str) -> Option<TypePattern> {
        let text = text.trim();
        if let Some((variables, result)) = text.strip_prefix('(').and_then(|rest| rest.split_once(") =>")) {
            let variables =
                split_top_level(variables).map(TypePattern::parse).collect::<Option<Vec<TypePattern>>>()?;
            return Some(TypePattern::Lambda(LambdaPattern {
                variables,
                result: Box::new(TypePattern::parse(result)?),
            }));
        }
        let mut letters = text.chars();
        if let (Some(letter @ 'A'..='Z'), None) = (letters.next(), letters.next()) {
            return Some(TypePattern::Letter(letter));
        }
        if let Some(element) = inside(text, "ARRAY") {
            return Some(TypePattern::Array(Box::new(TypePattern::parse(element)?)));
        }
        if let Some(entry) = inside(text, "MAP") {
            let mut parts = split_top_level(entry);
            let (key, value) = (parts.next()?, parts.next()?);
            return Some(TypePattern::Map(
                Box::new(TypePattern::parse(key)?),
                Box::new(TypePattern::parse(value)?),
            ));
        }
        match text {
            "DECIMAL" => Some(TypePattern::AnyDecimal),
            "STRUCT" => Some(TypePattern::AnyStruct),
            _ => parse_type(text).ok().map(TypePattern::Exactly),
        }
    }

    /// Whether a value of a type may be passed; letters that it meets for the first time are bound. With
    /// `converting`, also one that becomes the parameter's type without being asked: a number a wider one.
    pub(super) fn accepts(&self, argument: &SqlType, bindings: &mut Bindings, converting: bool) -> bool {
        match (self, argument) {
            (TypePattern::Exactly(wanted), _) => {
                wanted == argument || (converting && widens(argument, wanted))
            }
            (TypePattern::AnyDecimal, SqlType::Decimal { .. }) => true,
            (TypePattern::AnyDecimal, SqlType::Integer | SqlType::Bigint) => converting,
            (TypePattern::AnyStruct, SqlType::Struct(_)) => true,
            (TypePattern::Letter(letter), _) => match bindings.get(letter) {
                None => {
                    bindings.insert(*letter, argument.clone());
                    true
                }
                Some(bound) => bound == argument || (converting && widens(argument, bound)),
            },
            (TypePattern::Array(wanted), SqlType::Array(element)) => wanted.accepts(element, bindings, false),
            (TypePattern::Map(wanted_key, wanted_value), SqlType::Map { key, value }) => {
                wanted_key.accepts(key, bindings, false) && wanted_value.accepts(value, bindings, false)
            }
            _ => false,
        }
    }

    /// The type it stands for, as far as that is known.
    pub(super) fn bound(&self, bindings: &Bindings) -> Option<SqlType> {
        match self {
            TypePattern::Exactly(data_type) => Some(data_type.clone()),
            TypePattern::Letter(letter) => bindings.get(letter).cloned(),
            TypePattern::Array(element) => Some(SqlType::array(element.bound(bindings)?)),
            TypePattern::Map(key, value) => Some(SqlType::map(key.bound(bindings)?, value.bound(bindings)?)),
            TypePattern::AnyDecimal | TypePattern::AnyStruct | TypePattern::Lambda(_) => None,
        }
    }

    /// The type it stands for, where letters of which nothing is known stand for STRING.
    pub(super) fn bound_or_text(&self, bindings: &Bindings) -> Option<SqlType> {
        match self {
            TypePattern::Letter(letter) => Some(bindings.get(letter).cloned().unwrap_or(SqlType::String)),
            TypePattern::Array(element) => Some(SqlType::array(element.bound_or_text(bindings)?)),
            TypePattern::Map(key, value) => {
                Some(SqlType::map(key.bound_or_text(bindings)?, value.bound_or_text(bindings)?))
            }
            other => other.bound(bindings),
        }
    }

    fn has_letter(&self) -> bool {
        match self {
            TypePattern::Letter(_) => true,
            TypePattern::Array(element) => element.has_letter(),
            TypePattern::Map(key, value) => key.has_letter() || value.has_letter(),
            TypePattern::Lambda(_)
            | TypePattern::Exactly(_)
            | TypePattern::AnyDecimal
            | TypePattern::AnyStruct => false,
        }
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypePattern::Exactly(data_type) => write!(f, "{data_type}"),
            TypePattern::AnyDecimal => f.write_str("DECIMAL"),
            TypePattern::AnyStruct => f.write_str("STRUCT"),
            TypePattern::Letter(letter) => write!(f, "{letter}"),
            TypePattern::Array(element) => write!(f, "ARRAY<{element}>"),
            TypePattern::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            TypePattern::Lambda(lambda) => {
                let variables: Vec<String> = lambda.variables.iter().map(ToString::to_string).collect();
                write!(f, "LAMBDA ({}) => {}", variables.join(", "), lambda.result)
            }
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, Parameter { name, pattern }) in self.parameters.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let repeated = self.is_variadic && index + 1 == self.parameters.len();
            write!(f, "{separator}{pattern}{} {name}", if repeated { "..." } else { "" })?;
        }
        f.write_str(")")
    }
}

/// Whether values of a type become another type without being asked (ksqlDB's implicit casts): numbers wider
/// ones, texts the times that they tell.
fn widens(from: &SqlType, to: &SqlType) -> bool {
    fn width(data_type: &SqlType) -> Option<u8> {
        match data_type {
            SqlType::Integer => Some(0),
            SqlType::Bigint => Some(1),
            SqlType::Decimal { .. } => Some(2),
            SqlType::Double => Some(3),
            _ => None,
        }
    }
    let digits = |precision: &u8, scale: &u8| precision.saturating_sub(*scale);
    match (from, to) {
        (SqlType::String, SqlType::Date | SqlType::Time | SqlType::Timestamp) => true,
        (
            SqlType::Decimal { precision: from_precision, scale: from_scale },
            SqlType::Decimal { precision: to_precision, scale: to_scale },
        ) => from_scale <= to_scale && digits(from_precision, from_scale) <= digits(to_precision, to_scale),
        _ => matches!((width(from), width(to)), (Some(from), Some(to)) if from < to),
    }
}

/// What stands in the angle brackets behind a word.
fn inside<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.strip_prefix(word)?.trim_start().strip_prefix('<')?.strip_suffix('>')
}

/// Cuts at the commas that stand in no brackets; nothing gives no parts.
fn split_top_level(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut previous = ' ';
    let parts = text.split(move |character| {
        match character {
            '(' | '<' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // The arrow of a lambda closes nothing.
            '>' if previous != '=' => depth = depth.saturating_sub(1),
            _ => {}
        }
        previous = character;
        character == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(text: &'static str) -> Signature {
        Signature::parse(text).expect("a signature")
    }

    #[test]
    fn signatures_are_read_and_shown_with_types_before_names() {
        let shown = |text| signature(text).to_string();
        assert_eq!(shown("()"), "()");
        assert_eq!(shown("(text STRING, length INTEGER)"), "(STRING text, INTEGER length)");
        assert_eq!(shown("(first T, rest T...)"), "(T first, T... rest)");
        assert_eq!(
            shown("(map MAP<K, ARRAY<DECIMAL>>, f (K, V) => U)"),
            "(MAP<K, ARRAY<DECIMAL>> map, LAMBDA (K, V) => U f)"
        );
        assert_eq!(Signature::parse("(text WHATEVER<)"), None);
        assert_eq!(Signature::parse("(rest T..., last T)"), None);
    }

    #[test]
    fn a_repeated_parameter_may_be_left_out() {
        let variadic = signature("(separator STRING, parts STRING...)");
        assert!(variadic.takes(1) && variadic.takes(4) && !variadic.takes(0));
        assert_eq!(variadic.parameter(3, 4).map(|parameter| parameter.name), Some("parts"));
        assert!(!signature("(a INTEGER)").takes(2));
    }

    #[test]
    fn a_letter_stands_for_one_type() {
        let signature = signature("(list ARRAY<T>, element T)");
        let (list, element) = (&signature.parameters[0].pattern, &signature.parameters[1].pattern);
        let mut bindings = Bindings::new();
        assert!(list.accepts(&SqlType::array(SqlType::Bigint), &mut bindings, false));
        assert!(!element.accepts(&SqlType::Integer, &mut bindings, false));
        assert!(element.accepts(&SqlType::Integer, &mut bindings, true));
        assert!(!element.accepts(&SqlType::Double, &mut bindings, true));
        assert_eq!(element.bound(&bindings), Some(SqlType::Bigint));
    }
}
