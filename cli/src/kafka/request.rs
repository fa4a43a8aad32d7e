//! A request between the frame and its handler: the header is read here, by hand, because it decides
//! how (and whether) the rest may be decoded.

use std::fmt;

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::StrBytes;

use super::shape::{Misshapen, skip_tagged_fields};
use super::versions::{self, Supported};

/// A request whose call is known; its version may still be out of range.
#[derive(Debug)]
pub(crate) struct Request {
    /// The call.
    pub(crate) api: ApiKey,
    /// Its version, as the client chose it.
    pub(crate) version: i16,
    /// What the client calls this request; comes back with the answer.
    pub(crate) correlation_id: i32,
    /// What the client calls itself; empty where it says nothing.
    pub(crate) client_id: StrBytes,
    /// The request itself.
    pub(crate) body: Bytes,
    /// Whether the version is one this door answers.
    pub(crate) supported: bool,
}

/// Why a request cannot be answered at all; the connection is closed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The frame ends inside the header, or the header is damaged.
    Header,
    /// A call this door does not know.
    Api(i16),
    /// A version this door does not know, of a call that cannot say so.
    Version(ApiKey, i16),
    /// The body does not hold what it declares.
    Shape(ApiKey, i16, Misshapen),
    /// The codec refused the body.
    Body(ApiKey, i16, String),
    /// The server's memory for decoded requests was used up for too long.
    Busy(ApiKey),
    /// A request without answer (`acks=0`) failed: closing is the one way to tell.
    Unanswered(String),
    /// The answer could not be put into bytes: a bug of this server.
    Answer(ApiKey, i16, String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Header => f.write_str("the request header is damaged"),
            Refused::Api(key) => write!(f, "call {key} is not known"),
            Refused::Version(api, version) => write!(f, "{api:?} version {version} is not supported"),
            Refused::Shape(api, version, misshapen) => {
                write!(f, "{api:?} version {version} is malformed: {misshapen}")
            }
            Refused::Body(api, version, error) => {
                write!(f, "{api:?} version {version} is malformed: {error}")
            }
            Refused::Busy(api) => {
                write!(f, "{api:?} waited too long for memory: other requests have used it up")
            }
            Refused::Unanswered(error) => write!(f, "a request that takes no answer failed: {error}"),
            Refused::Answer(api, version, error) => {
                write!(f, "the answer to {api:?} version {version} could not be encoded: {error}")
            }
        }
    }
}

impl Request {
    /// Reads the header of a frame.
    pub(crate) fn parse(frame: Bytes) -> Result<Request, Refused> {
        let (key, rest) = frame.split_first_chunk::<2>().ok_or(Refused::Header)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(Refused::Header)?;
        let (correlation_id, rest) = rest.split_first_chunk::<4>().ok_or(Refused::Header)?;
        let key = i16::from_be_bytes(*key);
        let version = i16::from_be_bytes(*version);
        let correlation_id = i32::from_be_bytes(*correlation_id);
        let known: Supported = versions::lookup(key).ok_or(Refused::Api(key))?;
        if !known.contains(version) {
            // How the rest of the header is laid out depends on a version that is not known here.
            return Ok(Request {
                api: known.api,
                version,
                correlation_id,
                client_id: StrBytes::new(),
                body: Bytes::new(),
                supported: false,
            });
        }
        let (length, mut rest) = rest.split_first_chunk::<2>().ok_or(Refused::Header)?;
        let mut client_id = StrBytes::new();
        let length = i16::from_be_bytes(*length);
        if length >= 0 {
            let (text, behind) =
                rest.split_at_checked(usize::from(length.unsigned_abs())).ok_or(Refused::Header)?;
            client_id = StrBytes::from_utf8(frame.slice_ref(text)).map_err(|_| Refused::Header)?;
            rest = behind;
        } else if length != -1 {
            return Err(Refused::Header);
        }
        if known.api.request_header_version(version) >= 2 {
            rest = skip_tagged_fields(rest).map_err(|_| Refused::Header)?;
        }
        let body = frame.slice_ref(rest);
        Ok(Request { api: known.api, version, correlation_id, client_id, body, supported: true })
    }
}
