//! The forms in which a function may be called, each with the types of its arguments and its result: what
//! the system catalogs tell of it.
//!
//! They are read from the signatures that the function declares for people, and the result is the one the
//! planner would give such a call; so neither can say anything else than the function does.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use tidemill_sql::parser::parse_type;

use super::Function;

/// Stands for the type of an argument that may have any: the functions take a text where they take all
/// types and where they take all ordered ones.
const ANY: DataType = DataType::Utf8;

/// Stands for every DECIMAL: signatures leave precision and scale open.
const ANY_DECIMAL: DataType = DataType::Decimal128(38, 10);

/// One form of a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Overload {
    /// Names and types of the arguments.
    pub arguments: Vec<(&'static str, Shape)>,
    /// Type of the result.
    pub result: Shape,
}

/// A type, as far as it is the same in all calls.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// This type.
    Of(DataType),
    /// Any type; the same wherever an overload says so.
    Any,
    /// An array of that type.
    ListOfAny,
}

impl Function {
    /// The forms in which it may be called, in the order of its signatures.
    pub fn overloads(&self) -> impl Iterator<Item = Overload> {
        self.signatures.iter().filter_map(|signature| self.overload(signature))
    }

    fn overload(&self, signature: &'static str) -> Option<Overload> {
        let arguments: Vec<(&str, Shape)> = written_arguments(signature)
            .map(|argument| match argument.split_once(' ') {
                None => Some((argument, Shape::Any)),
                Some((name, "DECIMAL")) => Some((name, Shape::Of(ANY_DECIMAL))),
                Some((name, written)) => {
                    let data_type = parse_type(written).ok()?.to_arrow().ok()?;
                    Some((name, Shape::Of(data_type)))
                }
            })
            .collect::<Option<_>>()?;
        let types: Vec<DataType> = arguments.iter().map(|(_, shape)| shape.sample()).collect();
        let values = self.values(types.len());
        let constants: Vec<Option<ScalarValue>> = types
            .iter()
            .enumerate()
            .map(|(position, data_type)| if position < values { None } else { sample_literal(data_type) })
            .collect();
        let result = (self.resolve)(&types, &constants).ok()?;
        let depends = arguments.iter().any(|(_, shape)| *shape == Shape::Any);
        Some(Overload { arguments, result: Shape::of_result(result, depends) })
    }
}

impl Shape {
    /// A type of this shape.
    fn sample(&self) -> DataType {
        match self {
            Shape::Of(data_type) => data_type.clone(),
            Shape::Any => ANY,
            Shape::ListOfAny => DataType::new_list(ANY, true),
        }
    }

    /// The shape of a result, which may depend on the type of an argument.
    fn of_result(result: DataType, depends: bool) -> Shape {
        match &result {
            same if depends && *same == ANY => Shape::Any,
            DataType::List(element) if depends && *element.data_type() == ANY => Shape::ListOfAny,
            _ => Shape::Of(result),
        }
    }
}

/// The arguments of `(value, column, ..., k INTEGER)`. One stands for all those that may be repeated, and
/// the star of `(*)` is none.
fn written_arguments(signature: &'static str) -> impl Iterator<Item = &'static str> {
    signature
        .trim_matches(['(', ')'])
        .split(',')
        .map(str::trim)
        .filter(|argument| !matches!(*argument, "" | "..." | "*"))
}

/// A literal that a parameter of a type takes.
fn sample_literal(data_type: &DataType) -> Option<ScalarValue> {
    match data_type {
        DataType::Boolean => Some(ScalarValue::Boolean(Some(true))),
        DataType::Int32 => Some(ScalarValue::Int32(Some(1))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::{all, lookup};

    #[test]
    fn every_signature_of_every_function_is_a_call_that_has_a_type() {
        for function in all() {
            assert_eq!(function.overloads().count(), function.signatures.len(), "{}", function.name);
        }
    }

    #[test]
    fn results_follow_the_arguments() {
        let overloads = |name: &str| lookup(name).expect("a function").overloads().collect::<Vec<_>>();
        assert_eq!(overloads("COUNT")[0], Overload { arguments: vec![], result: Shape::Of(DataType::Int64) });
        assert_eq!(
            overloads("SUM")[0],
            Overload {
                arguments: vec![("value", Shape::Of(DataType::Int32))],
                result: Shape::Of(DataType::Int32)
            }
        );
        let latest = overloads("LATEST_BY_OFFSET");
        assert_eq!((&latest[0].result, &latest[2].result), (&Shape::Any, &Shape::ListOfAny));
        assert_eq!(overloads("MIN")[4].result, Shape::Of(DataType::Utf8));
    }
}
