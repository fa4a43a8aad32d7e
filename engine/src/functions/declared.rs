//! A declared function as DataFusion calls it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::new_null_array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue, exec_err, internal_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature as DfSignature,
    Volatility,
};
use tidemill_sql::type_system::SqlType;

use super::call::evaluate_columns;
use super::declaration::{Declaration, Evaluate, Returns};
use super::resolution::{Argument, Mismatch, Resolution, resolve};
use super::signature::{Signature, TypePattern};

/// A declared function with its forms read.
#[derive(Clone)]
pub(super) struct DeclaredFunction {
    pub declaration: &'static Declaration,
    pub signatures: Arc<Vec<Signature>>,
    /// Its name as DataFusion finds it, which is in lower case.
    df_name: String,
    /// Whether it is called in queries over what is there now.
    is_for_snapshots: bool,
    /// What DataFusion has under the name: it answers calls over what is there now whose arguments none of
    /// the forms takes.
    fallback: Option<Arc<ScalarUDF>>,
    df_signature: DfSignature,
}

impl DeclaredFunction {
    pub(super) fn new(declaration: &'static Declaration) -> DeclaredFunction {
        let read = |text: &'static str| {
            Signature::parse(text).unwrap_or_else(|| panic!("the signature {text} cannot be read"))
        };
        let signatures = declaration.overloads.iter().map(|overload| read(overload.signature)).collect();
        let volatility =
            if declaration.is_deterministic { Volatility::Immutable } else { Volatility::Volatile };
        DeclaredFunction {
            declaration,
            signatures: Arc::new(signatures),
            df_name: declaration.name.to_lowercase(),
            is_for_snapshots: false,
            fallback: None,
            df_signature: DfSignature::user_defined(volatility),
        }
    }

    /// The same function for queries over what is there now. In them a whole number is a BIGINT unless it is
    /// asked to be less, so a BIGINT is passed where INTEGER is wanted, and collections of INTEGER are passed
    /// beside those of BIGINT; and calls that no form takes go to another function.
    pub(super) fn for_snapshots(mut self, fallback: Option<Arc<ScalarUDF>>) -> DeclaredFunction {
        self.is_for_snapshots = true;
        self.fallback = fallback;
        self
    }

    /// The form that a call with such arguments means.
    ///
    /// # Errors
    /// A sentence for people: no form takes them, or several do.
    pub(super) fn resolve(&self, arguments: &[Argument]) -> DfResult<Resolution> {
        resolve(&self.signatures, arguments).map_err(|mismatch| {
            let types: Vec<String> = arguments.iter().map(shown).collect();
            let (name, types) = (self.declaration.name, types.join(", "));
            DataFusionError::Plan(match mismatch {
                Mismatch::NoneFits => {
                    let forms: Vec<String> =
                        self.signatures.iter().map(|signature| format!("{name}{signature}")).collect();
                    let forms = forms.join("\n");
                    format!(
                        "Function '{name}' does not accept parameters ({types}).\nValid alternatives \
                         are:\n{forms}"
                    )
                }
                Mismatch::Ambiguous => format!(
                    "Function '{name}' cannot be resolved due to ambiguous method parameters ({types})."
                ),
            })
        })
    }

    /// Type of the result of a call whose arguments are passed in those types.
    pub(super) fn result_type(
        &self,
        resolution: &Resolution,
        passed: &[DataType],
        constants: &[Option<&ScalarValue>],
    ) -> DfResult<DataType> {
        let overload = &self.declaration.overloads[resolution.overload];
        match overload.returns {
            Returns::Rule(rule) => rule(passed, constants),
            Returns::Type(text) => {
                let Some(pattern) = TypePattern::parse(text) else {
                    return internal_err!("the result type {text} cannot be read");
                };
                // What only NULLs were passed for is NULL itself.
                let Some(bound) = pattern.bound(&resolution.bindings) else { return Ok(DataType::Null) };
                arrow_type(&bound)
            }
        }
    }
}

/// The types of arguments, as far as choosing a form needs them.
fn arguments_of(types: &[DataType]) -> DfResult<Vec<Argument>> {
    types
        .iter()
        .map(|data_type| match data_type {
            DataType::Null => Ok(Argument::Null),
            other => sql_type(other).map(Argument::Value),
        })
        .collect()
}

/// The arguments with INTEGER for BIGINT.
fn narrowed(arguments: &[Argument]) -> Vec<Argument> {
    let narrow = |argument: &Argument| match argument {
        Argument::Value(SqlType::Bigint) => Argument::Value(SqlType::Integer),
        other => other.clone(),
    };
    arguments.iter().map(narrow).collect()
}

/// The argument with BIGINT for INTEGER inside of ARRAYs and MAPs.
fn widened(argument: &Argument) -> Argument {
    fn wide(data_type: &SqlType) -> SqlType {
        match data_type {
            SqlType::Integer => SqlType::Bigint,
            SqlType::Array(element) => SqlType::array(wide(element)),
            SqlType::Map { key, value } => SqlType::map(wide(key), wide(value)),
            other => other.clone(),
        }
    }
    match argument {
        Argument::Value(nested @ (SqlType::Array(_) | SqlType::Map { .. })) => Argument::Value(wide(nested)),
        other => other.clone(),
    }
}

pub(super) fn arrow_type(data_type: &SqlType) -> DfResult<DataType> {
    data_type.to_arrow().map_err(plan_error)
}

pub(super) fn sql_type(data_type: &DataType) -> DfResult<SqlType> {
    SqlType::from_arrow(data_type).map_err(plan_error)
}

fn plan_error(error: tidemill_sql::SqlError) -> DataFusionError {
    DataFusionError::Plan(error.message)
}

fn shown(argument: &Argument) -> String {
    match argument {
        Argument::Null => "null".to_owned(),
        Argument::Value(data_type) => data_type.to_string(),
        Argument::Lambda(_) => "LAMBDA".to_owned(),
    }
}

impl std::fmt::Debug for DeclaredFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.declaration.name)
    }
}

// Functions are told apart by their names.
impl PartialEq for DeclaredFunction {
    fn eq(&self, other: &Self) -> bool {
        self.declaration.name == other.declaration.name && self.is_for_snapshots == other.is_for_snapshots
    }
}

impl Eq for DeclaredFunction {}

impl Hash for DeclaredFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.declaration.name.hash(state);
    }
}

impl ScalarUDFImpl for DeclaredFunction {
    fn name(&self) -> &str {
        &self.df_name
    }

    fn signature(&self) -> &DfSignature {
        &self.df_signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        let constants = vec![None; arguments.len()];
        let resolution = self.resolve(&arguments_of(arguments)?)?;
        self.result_type(&resolution, arguments, &constants)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let resolution = match (self.resolve(&arguments_of(&types)?), &self.fallback) {
            (Err(_), Some(fallback)) => return fallback.return_field_from_args(args),
            (resolution, _) => resolution?,
        };
        let data_type = self.result_type(&resolution, &types, args.scalar_arguments)?;
        Ok(Arc::new(Field::new(self.declaration.name, data_type, true)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DfResult<Vec<DataType>> {
        let given = arguments_of(arguments)?;
        let own = self.resolve(&given).or_else(|refused| {
            let fitting = || {
                let narrow = self.resolve(&narrowed(&given));
                narrow.or_else(|_| self.resolve(&given.iter().map(widened).collect::<Vec<_>>())).ok()
            };
            self.is_for_snapshots.then(fitting).flatten().ok_or(refused)
        });
        let resolution = match (own, &self.fallback) {
            (Err(own), Some(fallback)) => {
                let fields: Vec<FieldRef> = arguments
                    .iter()
                    .map(|data_type| Arc::new(Field::new("argument", data_type.clone(), true)) as FieldRef)
                    .collect();
                let coerced = datafusion::logical_expr::type_coercion::functions::fields_with_udf(
                    &fields,
                    fallback.as_ref(),
                );
                let coerced = coerced.map_err(|_| own)?;
                return Ok(coerced.iter().map(|field| field.data_type().clone()).collect());
            }
            (resolution, _) => resolution?,
        };
        resolution
            .passed
            .iter()
            .map(|passed| passed.as_ref().map_or(Ok(DataType::Null), arrow_type))
            .collect()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let resolution = match (self.resolve(&arguments_of(&types)?), &self.fallback) {
            (Err(_), Some(fallback)) => return fallback.invoke_with_args(args),
            (resolution, _) => resolution?,
        };
        let overload = &self.declaration.overloads[resolution.overload];
        match overload.evaluate {
            Evaluate::Rows(evaluate) => Ok(ColumnarValue::Array(evaluate(args.number_rows)?)),
            Evaluate::Lambdas(_) => exec_err!("'{}' is called without its lambda", self.declaration.name),
            Evaluate::Arrays(evaluate) => {
                let (name, is_deterministic) = (self.declaration.name, self.declaration.is_deterministic);
                evaluate_columns(name, args, is_deterministic, |columns, rows, result_type| {
                    if *result_type == DataType::Null {
                        return Ok(new_null_array(result_type, rows));
                    }
                    evaluate(columns, result_type)
                })
            }
        }
    }
}
