//! Framed JSON to columns: the frames are taken off, the rest is JSON's.

use arrow::datatypes::Schema;

use crate::error::Result;
use crate::formats::decoded::{Decoded, Rejection};
use crate::formats::json::JsonDecoder;
use crate::formats::{Decoder, Wrapping, framing};

/// Decodes JSON behind frames.
pub(super) struct FramedJsonDecoder {
    json: JsonDecoder,
}

impl FramedJsonDecoder {
    /// A decoder of the projected columns of `schema`.
    pub(super) fn new(
        schema: &Schema,
        projection: &[usize],
        wrapping: Wrapping,
    ) -> Result<FramedJsonDecoder> {
        Ok(FramedJsonDecoder { json: JsonDecoder::new(schema, projection, wrapping)? })
    }
}

impl Decoder for FramedJsonDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        let first = rejections.len();
        let mut bodies = Vec::with_capacity(payloads.len());
        // Where the payloads stand whose bodies are decoded, once one has no body.
        let mut places: Option<Vec<usize>> = None;
        for (index, payload) in payloads.iter().enumerate() {
            let body = match payload.map(framing::split).transpose() {
                Ok(split) => split.map(|(_, body)| body),
                Err(reason) => {
                    places.get_or_insert_with(|| (0..index).collect());
                    rejections.push(Rejection { payload: index, reason });
                    continue;
                }
            };
            bodies.push(body);
            if let Some(places) = &mut places {
                places.push(index);
            }
        }
        let unframed = rejections.len();
        let decoded = self.json.decode(&bodies, rejections)?;
        if let Some(places) = places {
            for rejection in rejections.iter_mut().skip(unframed) {
                rejection.payload = places.get(rejection.payload).copied().unwrap_or(rejection.payload);
            }
            rejections[first..].sort_by_key(|rejection| rejection.payload);
        }
        Ok(decoded)
    }
}
