//! ApiVersions: what this door can do. The one call a client may send in a version that is too new.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiVersionsResponse;

use crate::kafka::dispatch::{Answer, Reply};
use crate::kafka::request::Refused;
use crate::kafka::versions;

/// The table of calls and versions.
pub(crate) fn answer() -> ApiVersionsResponse {
    ApiVersionsResponse::default().with_api_keys(versions::advertised())
}

/// Answers a version that is too new: in version 0, which every client can read, with the table, so
/// that the client can choose again.
pub(crate) async fn unsupported(reply: Reply) -> Result<Answer, Refused> {
    let response = answer().with_error_code(ResponseError::UnsupportedVersion.code());
    Reply { version: 0, ..reply }.now(&response).await
}
