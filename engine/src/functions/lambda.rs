//! Functions that take lambdas: `TRANSFORM(list, x => x + 1)`.
//!
//! A lambda is an expression over its variables and the columns of the row around it. It is compiled once
//! for a query and evaluated over whole batches: a function hands it the values of its variables for many
//! elements at once, together with the rows the elements belong to, and the columns that the lambda
//! names are taken from those rows.
//!
//! A lambda fails where a function in it does, and where its arithmetic meets NULL
//! ([`super::null_arithmetic`]); the call it is an argument of has no value for that row then.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as DfResult, exec_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature as DfSignature, Volatility,
};
use tidemill_sql::lookup::{BoundLambdaCall, CallArgument, Lambda, LambdaFunction};
use tidemill_sql::type_system::SqlType;

use super::declaration::Evaluate;
use super::declared::{DeclaredFunction, arrow_type};
use super::elements::of_type;
use super::null_arithmetic::NullArithmetic;
use super::resolution::{Argument, Resolution};
use super::signature::{LambdaPattern, TypePattern};
use crate::expressions::{CompiledExpression, failures, sql_text};

/// A lambda in one batch: with the columns it names.
pub(super) struct BoundLambda<'a> {
    body: &'a LambdaBody,
    captured: Vec<ArrayRef>,
}

/// What a lambda gave for many values of its variables.
pub(super) struct LambdaValues {
    /// One for each; without meaning where the lambda failed.
    pub values: ArrayRef,
    failed: Option<BooleanBuffer>,
}

impl LambdaValues {
    /// Whether the lambda failed for the value at an index: then what was to be made of it fails too.
    pub(super) fn has_failed(&self, index: usize) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.value(index))
    }

    /// Whether the lambda failed for any of the values at these indices.
    pub(super) fn has_failed_in(&self, mut indices: Range<usize>) -> bool {
        self.failed.as_ref().is_some_and(|failed| indices.any(|index| failed.value(index)))
    }
}

impl BoundLambda<'_> {
    /// What the lambda gives for every value of its variables. `rows` tells for each value which row of the
    /// batch it belongs to. Failures are noted.
    pub(super) fn evaluate(&self, rows: &UInt32Array, variables: Vec<ArrayRef>) -> DfResult<LambdaValues> {
        if rows.is_empty() {
            return Ok(LambdaValues {
                values: new_empty_array(self.body.compiled.data_type()),
                failed: None,
            });
        }
        let captured = self.captured.iter().map(|column| compute::take(column, rows, None));
        let columns = captured
            .chain(variables.into_iter().map(Ok))
            .zip(self.body.schema.fields())
            .map(|(column, field)| of_type(column?, field.data_type()))
            .collect::<DfResult<Vec<ArrayRef>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.body.schema.clone(), columns, &options)?;
        self.body.evaluate(&batch, rows)
    }
}

/// A lambda, ready to be evaluated.
#[derive(Debug)]
struct LambdaBody {
    /// What it computes, which tells it from others.
    expression: Expr,
    compiled: CompiledExpression,
    /// Whether NULL means that its arithmetic met NULL.
    null_is_failure: bool,
    /// What is true where its arithmetic met NULL otherwise.
    failure: Option<CompiledExpression>,
    /// The columns it names, then its variables.
    schema: SchemaRef,
    captured: usize,
}

impl LambdaBody {
    fn new(lambda: &Lambda) -> DfResult<LambdaBody> {
        let fields = lambda
            .captured
            .iter()
            .chain(&lambda.variables)
            .map(|(name, data_type)| Ok(Field::new(name, arrow_type(data_type)?, true)))
            .collect::<DfResult<Vec<Field>>>()?;
        let schema = Arc::new(Schema::new(fields));
        let columns = DFSchema::try_from(schema.as_ref().clone())?;
        let compile = |expression: &Expr| {
            CompiledExpression::new(expression, &columns)
                .map_err(|error| DataFusionError::Plan(error.to_string()))
        };
        let on_null = NullArithmetic::of(&lambda.body);
        Ok(LambdaBody {
            expression: lambda.body.clone(),
            compiled: compile(&lambda.body)?,
            null_is_failure: on_null.shows_as_null,
            failure: on_null.condition.as_ref().map(compile).transpose()?,
            schema,
            captured: lambda.captured.len(),
        })
    }

    /// The lambda as a statement would write it, where the columns that it names are these. What its
    /// variables are called is not kept.
    fn sql_text(&self, captured: &[Expr]) -> DfResult<String> {
        let (columns, variables) = self.schema.fields().split_at(self.captured);
        let body = self.expression.clone().transform(|part| {
            let Expr::Column(column) = &part else { return Ok(Transformed::no(part)) };
            let written = match columns.iter().position(|field| *field.name() == column.name) {
                Some(index) => captured.get(index).cloned(),
                None => Some(Expr::Column(Column::new_unqualified(variable_text(&column.name)))),
            };
            Ok(match written {
                Some(written) => Transformed::yes(written),
                None => Transformed::no(part),
            })
        })?;
        let names: Vec<String> = variables.iter().map(|field| variable_text(field.name())).collect();
        let names = if let [only] = &names[..] { only.clone() } else { format!("({})", names.join(", ")) };
        Ok(format!("{names} => {}", sql_text(&body.data)))
    }

    fn evaluate(&self, batch: &RecordBatch, rows: &UInt32Array) -> DfResult<LambdaValues> {
        let mut noted = Vec::new();
        let values = self.compiled.evaluate(batch, &mut noted).map_err(execution_error)?;
        let mut failed = vec![false; if noted.is_empty() { 0 } else { batch.num_rows() }];
        if !noted.is_empty() {
            // Functions tell that they failed, and not for which values.
            self.find_failures(batch, rows, &mut failed, &mut None)?;
        }
        let mut on_null = match (self.null_is_failure, values.nulls()) {
            (true, Some(nulls)) if nulls.null_count() > 0 => Some(!nulls.inner()),
            _ => None,
        };
        if let Some(condition) = &self.failure {
            // What functions note here, they noted before.
            let met = condition.evaluate_predicate(batch, &mut Vec::new()).map_err(execution_error)?;
            if met.true_count() > 0 {
                on_null = Some(on_null.map_or_else(|| met.values().clone(), |other| &other | met.values()));
            }
        }
        // A row that fails for several of its elements fails once.
        let mut last = None;
        for index in on_null.iter().flat_map(BooleanBuffer::set_indices) {
            let is_known = failed.get(index).copied().unwrap_or(false);
            if !is_known && last.replace(rows.value(index)) != Some(rows.value(index)) {
                failures::note(|| "arithmetic on NULL in a lambda".to_owned());
            }
        }
        let failed = Some(BooleanBuffer::from(failed)).filter(|failed| !failed.is_empty());
        Ok(LambdaValues {
            values,
            failed: match (failed, on_null) {
                (Some(failed), Some(on_null)) => Some(&failed | &on_null),
                (failed, on_null) => failed.or(on_null),
            },
        })
    }

    /// Marks the values for which a function fails: halves the batch until such a value stands alone. Notes
    /// why, once for a row; `told` is the last one that it was noted for.
    fn find_failures(
        &self,
        batch: &RecordBatch,
        rows: &UInt32Array,
        found: &mut [bool],
        told: &mut Option<u32>,
    ) -> DfResult<()> {
        let mut noted = Vec::new();
        self.compiled.evaluate(batch, &mut noted).map_err(execution_error)?;
        match (noted.into_iter().next(), found) {
            (None, _) => {}
            (Some(failure), [only]) => {
                *only = true;
                let row = rows.values().first().copied();
                if told.is_none() || *told != row {
                    *told = row;
                    failures::note(|| failure.cause);
                }
            }
            (Some(_), several) => {
                let half = several.len() / 2;
                let (first, second) = several.split_at_mut(half);
                let others = batch.num_rows() - half;
                self.find_failures(&batch.slice(0, half), &rows.slice(0, half), first, told)?;
                self.find_failures(&batch.slice(half, others), &rows.slice(half, others), second, told)?;
            }
        }
        Ok(())
    }
}

/// A call of a function that takes lambdas as a statement would write it; none of another function.
pub(super) fn call_text(function: &ScalarUDF, arguments: &[Expr]) -> Option<String> {
    let call = function.inner().downcast_ref::<LambdaCall>()?;
    let (values, mut captured) = arguments.split_at_checked(call.values)?;
    let mut texts: Vec<String> = values.iter().map(sql_text).collect();
    for lambda in call.lambdas.iter() {
        let (own, others) = captured.split_at_checked(lambda.captured)?;
        captured = others;
        texts.push(lambda.sql_text(own).ok()?);
    }
    Some(format!("{}({})", call.function.declaration.name.to_uppercase(), texts.join(", ")))
}

/// What a variable of a lambda is called where people read of it, for the name of its column.
fn variable_text(column: &str) -> String {
    column.replace("variable ", "x")
}

fn execution_error(error: crate::error::Error) -> DataFusionError {
    DataFusionError::Execution(error.to_string())
}

/// A call of a function with its lambdas. Its arguments are the values the function takes, then the
/// columns that the first lambda names, those of the second, and so on.
#[derive(Clone)]
struct LambdaCall {
    function: DeclaredFunction,
    overload: usize,
    values: usize,
    lambdas: Arc<Vec<LambdaBody>>,
    result_type: DataType,
    signature: DfSignature,
}

impl std::fmt::Debug for LambdaCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} with {:?}", self.function, self.bodies().collect::<Vec<_>>())
    }
}

impl LambdaCall {
    fn bodies(&self) -> impl Iterator<Item = &Expr> {
        self.lambdas.iter().map(|lambda| &lambda.expression)
    }
}

impl PartialEq for LambdaCall {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && self.bodies().eq(other.bodies())
    }
}

impl Eq for LambdaCall {}

impl Hash for LambdaCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
        self.bodies().for_each(|body| body.hash(state));
    }
}

impl ScalarUDFImpl for LambdaCall {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &DfSignature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DfResult<DataType> {
        Ok(self.result_type.clone())
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> DfResult<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), self.result_type.clone(), true)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let name = self.function.declaration.name;
        let Evaluate::Lambdas(evaluate) = self.function.declaration.overloads[self.overload].evaluate else {
            return exec_err!("'{name}' takes no lambda");
        };
        let rows = args.number_rows;
        let mut columns = args
            .args
            .into_iter()
            .map(|argument| argument.into_array(rows))
            .collect::<DfResult<Vec<ArrayRef>>>()?;
        if columns.len() < self.values {
            return exec_err!("'{name}' got {} of its {} arguments", columns.len(), self.values);
        }
        let mut captured = columns.split_off(self.values).into_iter();
        let lambdas: Vec<BoundLambda<'_>> = self
            .lambdas
            .iter()
            .map(|body| BoundLambda { body, captured: captured.by_ref().take(body.captured).collect() })
            .collect();
        let result = evaluate(&columns, &lambdas, &self.result_type)?;
        if result.len() != rows {
            return exec_err!("'{name}' gave {} values for {rows} rows", result.len());
        }
        Ok(ColumnarValue::Array(result))
    }
}

impl LambdaFunction for DeclaredFunction {
    fn variable_types(
        &self,
        arguments: &[CallArgument],
        results: &[SqlType],
    ) -> Result<Vec<SqlType>, String> {
        let (resolution, patterns) = self.with_results(arguments, results)?;
        let Some(pattern) = patterns.get(results.len()) else {
            return Err(format!("Function '{}' takes no further lambda.", self.declaration.name));
        };
        let known = pattern.variables.iter().map(|variable| variable.bound(&resolution.bindings));
        known.collect::<Option<_>>().ok_or_else(|| {
            let name = self.declaration.name;
            format!("Function '{name}' cannot tell the types of its lambda's variables: give them by CAST.")
        })
    }

    fn bind(&self, arguments: &[CallArgument], mut lambdas: Vec<Lambda>) -> Result<BoundLambdaCall, String> {
        let results: Vec<SqlType> = lambdas.iter().map(|lambda| lambda.result.clone()).collect();
        let (resolution, patterns) = self.with_results(arguments, &results)?;
        for (lambda, pattern) in lambdas.iter_mut().zip(patterns) {
            if let Some(wanted) = pattern.result.bound(&resolution.bindings)
                && wanted != lambda.result
            {
                let wanted_type = wanted.to_arrow().map_err(|error| error.message)?;
                lambda.body = Expr::Cast(Cast::new(Box::new(lambda.body.clone()), wanted_type));
                lambda.result = wanted;
            }
        }
        let passed: Vec<Option<SqlType>> = resolution
            .passed
            .iter()
            .zip(arguments)
            .filter(|(_, argument)| !matches!(argument, CallArgument::Lambda(_)))
            .map(|(passed, _)| passed.clone())
            .collect();
        let captured = lambdas.iter_mut().map(|lambda| std::mem::take(&mut lambda.arguments)).collect();
        let call = || -> DfResult<(ScalarUDF, DataType)> {
            let types = passed
                .iter()
                .map(|passed| passed.as_ref().map_or(Ok(DataType::Null), arrow_type))
                .collect::<DfResult<Vec<DataType>>>()?;
            let result_type = self.result_type(&resolution, &types, &vec![None; types.len()])?;
            let call = LambdaCall {
                function: self.clone(),
                overload: resolution.overload,
                values: passed.len(),
                lambdas: Arc::new(lambdas.iter().map(LambdaBody::new).collect::<DfResult<_>>()?),
                result_type: result_type.clone(),
                signature: DfSignature::user_defined(Volatility::Immutable),
            };
            Ok((ScalarUDF::new_from_impl(call), result_type))
        };
        let (function, result_type) = call().map_err(|error| error.strip_backtrace())?;
        let result = SqlType::from_arrow(&result_type).map_err(|error| error.message)?;
        Ok(BoundLambdaCall { function: Arc::new(function), passed, captured, result })
    }
}

impl DeclaredFunction {
    /// Whether one of its forms takes a lambda.
    pub(super) fn takes_lambdas(&self) -> bool {
        self.signatures.iter().any(|signature| signature.lambdas() > 0)
    }

    /// The form that a call means, with what the lambdas so far give bound to its letters, and the lambdas
    /// of that form.
    fn with_results(
        &self,
        arguments: &[CallArgument],
        results: &[SqlType],
    ) -> Result<(Resolution, Vec<&LambdaPattern>), String> {
        let arguments: Vec<Argument> = arguments
            .iter()
            .map(|argument| match argument {
                CallArgument::Null => Argument::Null,
                CallArgument::Value(data_type) => Argument::Value(data_type.clone()),
                CallArgument::Lambda(variables) => Argument::Lambda(*variables),
            })
            .collect();
        let mut resolution = self.resolve(&arguments).map_err(|error| match error.find_root() {
            DataFusionError::Plan(text) => text.clone(),
            other => other.to_string(),
        })?;
        let signature = &self.signatures[resolution.overload];
        let patterns: Vec<&LambdaPattern> = signature
            .parameters
            .iter()
            .filter_map(|parameter| match &parameter.pattern {
                TypePattern::Lambda(lambda) => Some(lambda),
                _ => None,
            })
            .collect();
        for (pattern, result) in patterns.iter().zip(results) {
            if !pattern.result.accepts(result, &mut resolution.bindings, true) {
                let wanted = pattern.result.bound(&resolution.bindings);
                let wanted = wanted.map_or_else(|| pattern.result.to_string(), |wanted| wanted.to_string());
                let name = self.declaration.name;
                return Err(format!("Function '{name}' wants a lambda that gives {wanted}, not {result}."));
            }
        }
        Ok((resolution, patterns))
    }
}
