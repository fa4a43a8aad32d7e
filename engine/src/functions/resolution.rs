//! Which form of a function a call means, by ksqlDB's rules.
//!
//! A form whose parameters have the arguments' types goes before one for which numbers have to become
//! wider ones. Among several that fit, one without a repeated parameter goes before one with, and one
//! that leaves fewer types open before one that leaves more. If that does not decide, the call is
//! ambiguous and refused.

use tidemill_sql::type_system::SqlType;

use super::signature::{Bindings, Signature, TypePattern};

/// An argument of a call, as far as it matters for which form is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Argument {
    /// NULL, which has every type.
    Null,
    /// A value of a type.
    Value(SqlType),
    /// A lambda of so many variables.
    Lambda(usize),
}

/// The form that a call means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Resolution {
    /// Its index among the function's forms.
    pub overload: usize,
    /// What its letters stand for, as far as values tell.
    pub bindings: Bindings,
    /// The type in which each argument is passed; `None` for lambdas, and for NULL where the form takes
    /// any type.
    pub passed: Vec<Option<SqlType>>,
}

/// Why a call means no form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mismatch {
    /// No form takes such arguments.
    NoneFits,
    /// Several do, equally well.
    Ambiguous,
}

/// The form that a call with such arguments means.
pub(super) fn resolve(signatures: &[Signature], arguments: &[Argument]) -> Result<Resolution, Mismatch> {
    match best(signatures, arguments, false) {
        Err(Mismatch::NoneFits) => best(signatures, arguments, true),
        decided => decided,
    }
}

fn best(signatures: &[Signature], arguments: &[Argument], converting: bool) -> Result<Resolution, Mismatch> {
    let mut fitting: Vec<(bool, usize, Resolution)> = signatures
        .iter()
        .enumerate()
        .filter_map(|(overload, signature)| {
            let resolution = fit(overload, signature, arguments, converting)?;
            Some((signature.is_variadic, signature.letters(), resolution))
        })
        .collect();
    fitting.sort_by_key(|(is_variadic, letters, _)| (*is_variadic, *letters));
    let mut fitting = fitting.into_iter();
    match (fitting.next(), fitting.next()) {
        (None, _) => Err(Mismatch::NoneFits),
        (Some(first), Some(second)) if (first.0, first.1) == (second.0, second.1) => Err(Mismatch::Ambiguous),
        (Some((_, _, resolution)), _) => Ok(resolution),
    }
}

fn fit(
    overload: usize,
    signature: &Signature,
    arguments: &[Argument],
    converting: bool,
) -> Option<Resolution> {
    if !signature.takes(arguments.len()) {
        return None;
    }
    let patterns = arguments
        .iter()
        .enumerate()
        .map(|(position, _)| Some(&signature.parameter(position, arguments.len())?.pattern))
        .collect::<Option<Vec<&TypePattern>>>()?;
    let mut bindings = Bindings::new();
    for (argument, pattern) in arguments.iter().zip(&patterns) {
        let accepted = match (argument, pattern) {
            (Argument::Lambda(variables), TypePattern::Lambda(lambda)) => {
                *variables == lambda.variables.len()
            }
            (Argument::Lambda(_), _) | (_, TypePattern::Lambda(_)) => false,
            (Argument::Null, _) => true,
            (Argument::Value(data_type), pattern) => pattern.accepts(data_type, &mut bindings, converting),
        };
        if !accepted {
            return None;
        }
    }
    let passed = arguments
        .iter()
        .zip(&patterns)
        .map(|(argument, pattern)| match (argument, pattern) {
            (Argument::Lambda(_), _) => None,
            (Argument::Value(SqlType::Integer), TypePattern::AnyDecimal) => {
                Some(SqlType::Decimal { precision: INTEGER_DIGITS, scale: 0 })
            }
            (Argument::Value(SqlType::Bigint), TypePattern::AnyDecimal) => {
                Some(SqlType::Decimal { precision: BIGINT_DIGITS, scale: 0 })
            }
            (Argument::Null, TypePattern::AnyDecimal) => {
                Some(SqlType::Decimal { precision: BIGINT_DIGITS, scale: 0 })
            }
            (Argument::Value(data_type), TypePattern::AnyDecimal | TypePattern::AnyStruct) => {
                Some(data_type.clone())
            }
            (Argument::Value(data_type), pattern) => {
                Some(pattern.bound(&bindings).unwrap_or_else(|| data_type.clone()))
            }
            (Argument::Null, TypePattern::Letter(letter)) => bindings.get(letter).cloned(),
            // A collection of what nothing is known of is as good as one of text.
            (Argument::Null, pattern) => pattern.bound_or_text(&bindings),
        })
        .collect();
    Some(Resolution { overload, bindings, passed })
}

/// Digits of the largest INTEGER.
const INTEGER_DIGITS: u8 = 10;

/// Digits of the largest BIGINT.
const BIGINT_DIGITS: u8 = 19;

#[cfg(test)]
mod tests {
    use super::*;

    fn signatures(texts: &[&'static str]) -> Vec<Signature> {
        texts.iter().map(|text| Signature::parse(text).expect("a signature")).collect()
    }

    fn chosen(texts: &[&'static str], arguments: &[Argument]) -> Result<usize, Mismatch> {
        resolve(&signatures(texts), arguments).map(|resolution| resolution.overload)
    }

    fn value(data_type: SqlType) -> Argument {
        Argument::Value(data_type)
    }

    #[test]
    fn the_same_types_go_before_wider_ones() {
        let forms = ["(a DOUBLE)", "(a BIGINT)", "(a INTEGER)"];
        assert_eq!(chosen(&forms, &[value(SqlType::Integer)]), Ok(2));
        assert_eq!(chosen(&forms, &[value(SqlType::String)]), Err(Mismatch::NoneFits));
    }

    #[test]
    fn a_number_that_could_become_several_wider_ones_is_ambiguous() {
        let forms = ["(a BIGINT, rest BIGINT...)", "(a DOUBLE, rest DOUBLE...)"];
        let numbers = [value(SqlType::Integer), value(SqlType::Bigint)];
        assert_eq!(chosen(&forms, &numbers), Err(Mismatch::Ambiguous));
        assert_eq!(chosen(&forms[1..], &numbers), Ok(0));
    }

    #[test]
    fn null_fits_every_parameter_and_tells_no_form_from_another() {
        assert_eq!(chosen(&["(a STRING)", "(a BYTES)"], &[Argument::Null]), Err(Mismatch::Ambiguous));
        assert_eq!(chosen(&["(a STRING, b INTEGER)"], &[Argument::Null, value(SqlType::Integer)]), Ok(0));
    }

    #[test]
    fn forms_without_repetition_and_with_fewer_letters_go_first() {
        let text = value(SqlType::String);
        assert_eq!(chosen(&["(a STRING...)", "(a STRING)"], std::slice::from_ref(&text)), Ok(1));
        assert_eq!(chosen(&["(a T)", "(a STRING)"], &[text]), Ok(1));
    }

    #[test]
    fn lambdas_fit_by_the_number_of_their_variables() {
        let forms = ["(a ARRAY<T>, f (T) => U)", "(a MAP<K, V>, f (K, V) => U, g (K, V) => W)"];
        let list = value(SqlType::array(SqlType::Bigint));
        assert_eq!(chosen(&forms, &[list.clone(), Argument::Lambda(1)]), Ok(0));
        assert_eq!(chosen(&forms, &[list, Argument::Lambda(2)]), Err(Mismatch::NoneFits));
    }
}
