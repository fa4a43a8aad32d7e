//! Calls of scalar functions.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef};
use datafusion_common::{DataFusionError, ScalarValue};
use datafusion_expr::expr::Cast;
use datafusion_expr::type_coercion::functions::fields_with_udf;
use datafusion_expr::{Expr, ReturnFieldArgs, ScalarUDF, TypeSignature};

use super::{Lowering, Typed, type_text};
use crate::analyzer::cast::{call, convert, null};
use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::reserved::AS_VALUE;
use crate::analyzer::resolve::unknown_function;
use crate::error::{SqlError, SqlErrorKind};
use crate::type_system::SqlType;

impl Lowering<'_> {
    pub(super) fn call(
        &self,
        expression: &Expression,
        name: &str,
        arguments: &[Expression],
    ) -> Result<Typed, SqlError> {
        if name == AS_VALUE {
            if let [column] = arguments {
                return self.lower(column);
            }
            let types = arguments
                .iter()
                .map(|argument| Ok(type_text(self.lower(argument)?.data_type.as_ref())))
                .collect::<Result<Vec<String>, SqlError>>()?;
            let message = format!(
                "Function 'AS_VALUE' does not accept parameters ({}).\nValid alternatives are:\nAS_VALUE(T \
                 keyColumn)",
                types.join(", ")
            );
            return Err(SqlError::new(SqlErrorKind::UnknownFunction, message));
        }
        if let Some(function) = self.lookup.user_function(name) {
            return self.user_call(&function, arguments, expression.span);
        }
        let Some(function) = self.lookup.scalar_function(name) else {
            if self.lookup.aggregate_function(name).is_some() {
                return Err(SqlError::invalid(format!(
                    "Aggregate function {name} cannot be used in {}.",
                    self.clause
                )));
            }
            return Err(unknown_function(name, self.lookup).at(expression.span));
        };
        if arguments.iter().any(|argument| matches!(argument.node, Node::Lambda { .. })) {
            return self.lambda_call(expression, name, arguments);
        }
        self.call_of(function, name, arguments)
    }

    /// A call of a table function: what gives its list, and the type of the list's elements.
    ///
    /// # Errors
    /// The function does not take such arguments.
    pub fn table_call(&self, expression: &Expression) -> Result<(Expr, SqlType), SqlError> {
        let no_list = || SqlError::internal(format!("'{expression}' is no call of a table function"));
        let Node::Call { name, arguments } = &expression.node else { return Err(no_list()) };
        let function = self.lookup.table_function(name).ok_or_else(no_list)?;
        let list = self.call_of(function, name, arguments).map_err(|error| error.or_at(expression.span))?;
        match list.data_type {
            Some(SqlType::Array(element)) => Ok((list.expr, *element)),
            _ => Err(no_list()),
        }
    }

    fn call_of(
        &self,
        function: Arc<ScalarUDF>,
        name: &str,
        arguments: &[Expression],
    ) -> Result<Typed, SqlError> {
        let typed = arguments.iter().map(|argument| self.lower(argument)).collect::<Result<Vec<_>, _>>()?;
        let fields = typed
            .iter()
            .enumerate()
            .map(|(index, typed)| argument_field(index, typed))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let coerced =
            coerce(&fields, &function).map_err(|error| no_such_signature(&function, name, &typed, &error))?;
        let arguments = typed
            .iter()
            .zip(&coerced)
            .map(|(typed, field)| self.argument(typed.clone(), field))
            .collect::<Result<Vec<_>, SqlError>>()?;
        let constants: Vec<Option<&ScalarValue>> = arguments
            .iter()
            .map(|argument| match argument {
                Expr::Literal(value, _) => Some(value),
                _ => None,
            })
            .collect();
        let result = function
            .return_field_from_args(ReturnFieldArgs { arg_fields: &coerced, scalar_arguments: &constants })
            .map_err(|error| no_such_signature(&function, name, &typed, &error))?;
        let result = result.data_type().clone();
        let expr = call(function, arguments);
        if result == DataType::Null {
            return Ok(Typed { expr, data_type: None });
        }
        let data_type = SqlType::from_arrow(&result)?;
        let canonical = data_type.to_arrow()?;
        let expr = if canonical == result { expr } else { Expr::Cast(Cast::new(Box::new(expr), canonical)) };
        Ok(Typed::new(expr, data_type))
    }

    /// The argument in the type that the function wants.
    fn argument(&self, typed: Typed, field: &Field) -> Result<Expr, SqlError> {
        let wanted = field.data_type();
        if *wanted == DataType::Null {
            return Ok(typed.expr);
        }
        let target = SqlType::from_arrow(wanted)?;
        let canonical = target.to_arrow()?;
        let expr = match &typed.data_type {
            Some(from) => convert(typed.expr, Some(from), &target, self.lookup)?,
            None => null(&target)?,
        };
        // Functions that come with DataFusion may want another Arrow form of the same SQL type.
        Ok(if canonical == *wanted { expr } else { Expr::Cast(Cast::new(Box::new(expr), wanted.clone())) })
    }
}

/// The arguments' fields as the function wants them.
fn coerce(fields: &[FieldRef], function: &ScalarUDF) -> Result<Vec<FieldRef>, DataFusionError> {
    if function.signature().type_signature != TypeSignature::UserDefined {
        return fields_with_udf(fields, function);
    }
    // Asked directly, so that its own words are not wrapped in others.
    let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
    let coerced = function.coerce_types(&types)?;
    let typed =
        |(field, data_type): (&FieldRef, DataType)| Arc::new(Field::new(field.name(), data_type, true));
    Ok(fields.iter().zip(coerced).map(typed).collect())
}

fn argument_field(index: usize, typed: &Typed) -> Result<FieldRef, SqlError> {
    let data_type = match &typed.data_type {
        Some(data_type) => data_type.to_arrow()?,
        None => DataType::Null,
    };
    Ok(Arc::new(Field::new(format!("argument_{index}"), data_type, true)))
}

/// A function may say itself what is wrong, in a sentence that begins with `Function '`; otherwise
/// this says that it does not take such arguments.
fn no_such_signature(
    function: &ScalarUDF,
    name: &str,
    arguments: &[Typed],
    error: &DataFusionError,
) -> SqlError {
    let own = match error.find_root() {
        DataFusionError::Plan(text) | DataFusionError::Execution(text) => Some(text.clone()),
        _ => None,
    };
    let message = own.filter(|text| text.starts_with("Function '")).unwrap_or_else(|| {
        let types: Vec<String> =
            arguments.iter().map(|argument| type_text(argument.data_type.as_ref())).collect();
        let name = if function.name().eq_ignore_ascii_case(name) { function.name() } else { name };
        format!("Function '{name}' does not accept parameters ({}).", types.join(", "))
    });
    SqlError::new(SqlErrorKind::UnknownFunction, message)
        .with_hint(format!("DESCRIBE FUNCTION {name} shows what it takes"))
}
