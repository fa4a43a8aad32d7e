//! Payloads to columns: messages behind the id of their schema, or bare ones of a schema known before.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use prost_reflect::{FileDescriptor, MessageDescriptor};

use super::decode_plan::MessagePlan;
use super::message_indexes;
use super::reader::Reader;
use super::root_message;
use crate::error::{Error, Result};
use crate::formats::column_builder::ColumnBuilder;
use crate::formats::compiled_schemas::CompiledSchemas;
use crate::formats::decoded::{Decoded, Rejection, RowTracker};
use crate::formats::{Decoder, check_batch_size, framing, unsupported_column};
use crate::registry::{ResolvedSchema, SchemaKind, SchemaRegistry};

/// Decodes messages into columns, whatever schema each was written with.
pub(super) struct ProtobufDecoder {
    fields: Vec<FieldRef>,
    columns: Vec<ColumnBuilder>,
    writers: Writers,
}

/// Where the plans of payloads come from.
enum Writers {
    /// Each payload tells its schema.
    Registered(CompiledSchemas<Writer>),
    /// All payloads are one message, without a frame.
    Known(Arc<MessagePlan>),
}

/// A schema that payloads were written with.
struct Writer {
    file: FileDescriptor,
    /// Plans of its messages, by the bytes of their indexes. Topics have one message, mostly.
    plans: RefCell<Vec<(Box<[u8]>, PlanOrReason)>>,
}

type PlanOrReason = std::result::Result<Arc<MessagePlan>, String>;

impl ProtobufDecoder {
    /// A decoder of framed payloads into the projected columns of `schema`.
    pub(super) fn registered(
        schema: &Schema,
        projection: &[usize],
        schemas: &SchemaRegistry,
    ) -> Result<ProtobufDecoder> {
        let fields = projected(schema, projection);
        let columns = builders(&fields, 0)?;
        Ok(ProtobufDecoder {
            fields,
            columns,
            writers: Writers::Registered(CompiledSchemas::new(schemas.clone())),
        })
    }

    /// A decoder of messages without a frame into the projected columns of `schema`.
    pub(super) fn unregistered(
        schema: &Schema,
        projection: &[usize],
        message: &MessageDescriptor,
    ) -> Result<ProtobufDecoder> {
        let fields = projected(schema, projection);
        let columns = builders(&fields, 0)?;
        let plan = MessagePlan::new(fields.iter().map(AsRef::as_ref), message).map_err(Error::internal)?;
        Ok(ProtobufDecoder { fields, columns, writers: Writers::Known(Arc::new(plan)) })
    }
}

impl Decoder for ProtobufDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        check_batch_size(payloads)?;
        self.columns = builders(&self.fields, payloads.len())?;
        let mut rows = RowTracker::new(payloads.len());
        let mut reader = Reader::new();
        let mut length = 0;
        for (index, payload) in payloads.iter().enumerate() {
            let Some(payload) = payload else {
                self.columns.iter_mut().for_each(ColumnBuilder::append_null);
                rows.null_row();
                length += 1;
                continue;
            };
            let (plan, message) = match self.writers.plan(payload, &self.fields) {
                Ok(found) => found,
                Err(reason) => {
                    rejections.push(Rejection { payload: index, reason });
                    continue;
                }
            };
            match reader.payload(&plan, message, &mut self.columns) {
                Ok(()) => rows.row(),
                Err(reason) => {
                    for column in self.columns.iter_mut().filter(|column| column.len() == length) {
                        column.append_null();
                    }
                    rows.spoiled_row();
                    rejections.push(Rejection { payload: index, reason: reason.to_string() });
                }
            }
            length += 1;
        }
        let columns =
            self.columns.iter_mut().map(ColumnBuilder::finish).collect::<std::result::Result<_, _>>()?;
        rows.finish(columns)
    }
}

impl Writers {
    /// The plan of a payload's message, and the message.
    #[inline]
    fn plan<'p>(
        &mut self,
        payload: &'p [u8],
        fields: &[FieldRef],
    ) -> std::result::Result<(Arc<MessagePlan>, &'p [u8]), String> {
        let schemas = match self {
            Writers::Known(plan) => return Ok((plan.clone(), payload)),
            Writers::Registered(schemas) => schemas,
        };
        let (id, body) = framing::split(payload)?;
        let (indexes, message) = message_indexes::split(body)?;
        let plan = schemas.get(id, Writer::new)?.plan(indexes, fields);
        let plan = plan.map_err(|reason| format!("schema {}: {reason}", id.0))?;
        Ok((plan, message))
    }
}

impl Writer {
    fn new(schema: &ResolvedSchema) -> std::result::Result<Writer, String> {
        if schema.definition.kind != SchemaKind::Protobuf {
            return Err("it is no Protobuf schema".to_owned());
        }
        let file = root_message::file(schema)?;
        Ok(Writer { file, plans: RefCell::new(Vec::new()) })
    }

    fn plan(&self, indexes: &[u8], fields: &[FieldRef]) -> PlanOrReason {
        let mut plans = self.plans.borrow_mut();
        if let Some((_, plan)) = plans.iter().find(|(known, _)| **known == *indexes) {
            return plan.clone();
        }
        // What leads to no message is not kept, so there are as many plans as ways to write the indexes
        // of the file's messages: a payload that counts with longer numbers than it needs gets none.
        let message = message_indexes::message(&self.file, indexes)?;
        let plan = MessagePlan::new(fields.iter().map(AsRef::as_ref), &message).map(Arc::new);
        let mut canonical = Vec::new();
        message_indexes::write(&message, &mut canonical);
        if canonical == indexes {
            plans.push((indexes.into(), plan.clone()));
        }
        plan
    }
}

fn projected(schema: &Schema, projection: &[usize]) -> Vec<FieldRef> {
    projection.iter().map(|index| schema.fields()[*index].clone()).collect()
}

fn builders(fields: &[FieldRef], rows: usize) -> Result<Vec<ColumnBuilder>> {
    let builder = |field: &FieldRef| {
        ColumnBuilder::new(field.data_type(), rows).ok_or_else(|| unsupported_column("PROTOBUF", field))
    };
    fields.iter().map(builder).collect()
}
