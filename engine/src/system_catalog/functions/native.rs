//! A plain Rust function as one of DataFusion's.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::system_catalog::knowledge::Knowledge;

/// The value a function gives.
pub(super) type Outcome = Result<ScalarValue>;

/// The type of the values a function gives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum ResultType {
    Bool,
    Int4,
    Int8,
    Oid,
    Text,
    TextArray,
    Timestamp,
    /// Positions of a list's elements beside them: a list of `(x, n)`.
    Numbered,
}

/// The values a function is called with.
pub(super) struct Arguments(Vec<ScalarValue>);

/// A function over a snapshot.
pub(super) struct NativeFunction {
    name: &'static str,
    result: ResultType,
    body: fn(&Knowledge, &Arguments) -> Outcome,
    signature: Signature,
    knowledge: Arc<Knowledge>,
}

impl NativeFunction {
    pub(super) fn new(
        name: &'static str,
        result: ResultType,
        body: fn(&Knowledge, &Arguments) -> Outcome,
        knowledge: Arc<Knowledge>,
    ) -> NativeFunction {
        NativeFunction { name, result, body, signature: any_arguments(), knowledge }
    }
}

/// Whatever arguments: functions look at what they get, as clients are generous with types.
fn any_arguments() -> Signature {
    Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Stable)
}

impl std::fmt::Debug for NativeFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for NativeFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.knowledge, &other.knowledge)
    }
}

impl Eq for NativeFunction {}

impl Hash for NativeFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for NativeFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        Ok(match self.result {
            ResultType::Bool => DataType::Boolean,
            ResultType::Int4 => DataType::Int32,
            ResultType::Int8 => DataType::Int64,
            ResultType::Oid => DataType::UInt32,
            ResultType::Text => DataType::Utf8,
            ResultType::TextArray => DataType::new_list(DataType::Utf8, true),
            ResultType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ResultType::Numbered => {
                DataType::new_list(DataType::Struct(numbered_fields(argument_types)), true)
            }
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let scalars_only = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let result_type = arguments.return_field.data_type().clone();
        let call = |row: usize| -> Result<ScalarValue> {
            let values = arrays
                .iter()
                .map(|array| ScalarValue::try_from_array(array, row))
                .collect::<Result<Vec<_>>>()?;
            let value = (self.body)(&self.knowledge, &Arguments(values))?;
            if value.is_null() {
                ScalarValue::try_new_null(&result_type)
            } else {
                value.cast_to(&result_type)
            }
        };
        if scalars_only {
            return call(0).map(ColumnarValue::Scalar);
        }
        let values = (0..rows).map(call).collect::<Result<Vec<_>>>()?;
        let array: ArrayRef = if values.is_empty() {
            new_empty_array(&result_type)
        } else {
            ScalarValue::iter_to_array(values)?
        };
        Ok(ColumnarValue::Array(array))
    }
}

impl Arguments {
    /// Number of them.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them as it is.
    pub(super) fn get(&self, index: usize) -> Option<&ScalarValue> {
        self.0.get(index)
    }

    /// One as text; `None` where it is null or missing.
    pub(super) fn text(&self, index: usize) -> Option<String> {
        match self.0.get(index)? {
            value if value.is_null() => None,
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)) => Some(text.clone()),
            ScalarValue::Boolean(Some(value)) => Some(if *value { "t" } else { "f" }.to_owned()),
            value => match value.cast_to(&DataType::Utf8) {
                Ok(ScalarValue::Utf8(text)) => text,
                _ => None,
            },
        }
    }

    /// One as a number; texts of digits count as well.
    pub(super) fn number(&self, index: usize) -> Option<i64> {
        match self.0.get(index)?.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number,
            _ => None,
        }
    }

    /// One as an object identifier.
    pub(super) fn oid(&self, index: usize) -> Option<u32> {
        u32::try_from(self.number(index)?).ok()
    }

    /// One as truth; `None` where it is none.
    pub(super) fn bool(&self, index: usize) -> Option<bool> {
        match self.0.get(index)? {
            ScalarValue::Boolean(value) => *value,
            _ => None,
        }
    }

    /// The elements of a list; `None` where it is null or no list.
    pub(super) fn elements(&self, index: usize) -> Option<Vec<ScalarValue>> {
        let ScalarValue::List(list) = self.0.get(index)? else {
            return None;
        };
        if arrow::array::Array::is_null(list.as_ref(), 0) {
            return None;
        }
        let values = list.value(0);
        (0..arrow::array::Array::len(&values))
            .map(|row| ScalarValue::try_from_array(&values, row).ok())
            .collect()
    }
}

/// An element of a list and its position.
pub(super) fn numbered_fields(argument_types: &[DataType]) -> Fields {
    let element = match argument_types.first() {
        Some(DataType::List(field)) => field.data_type().clone(),
        _ => DataType::Utf8,
    };
    vec![Field::new("x", element, true), Field::new("n", DataType::Int32, true)].into()
}

/// A text or null.
pub(super) fn text(value: Option<impl Into<String>>) -> Outcome {
    Ok(ScalarValue::Utf8(value.map(Into::into)))
}

/// A truth or null.
pub(super) fn bool(value: Option<bool>) -> Outcome {
    Ok(ScalarValue::Boolean(value))
}

/// A number or null.
pub(super) fn number(value: Option<i64>) -> Outcome {
    Ok(ScalarValue::Int64(value))
}

/// A number of an object or null.
pub(super) fn oid(value: Option<u32>) -> Outcome {
    Ok(ScalarValue::UInt32(value))
}

/// A function without arguments that gives one value.
pub(in crate::system_catalog) fn constant(name: String, value: ScalarValue) -> ScalarUDF {
    ScalarUDF::new_from_impl(Constant {
        name,
        value,
        signature: Signature::exact(vec![], Volatility::Immutable),
    })
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct Constant {
    name: String,
    value: ScalarValue,
    signature: Signature,
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        if argument_types.is_empty() {
            Ok(self.value.data_type())
        } else {
            exec_err!("a constant takes no arguments")
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}
