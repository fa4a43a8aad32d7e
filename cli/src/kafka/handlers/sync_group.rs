//! SyncGroup: a member's share of the assignment; the answer comes with the leader's request.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::connection::Client;
use crate::kafka::groups::{Identity, SyncRequest};

/// Hands over what the member brings; the future waits for the leader.
pub(crate) fn start(
    client: &Client,
    request: SyncGroupRequest,
) -> impl Future<Output = SyncGroupResponse> + Send + 'static {
    let assignments = request.assignments.into_iter();
    let wish = SyncRequest {
        identity: Identity::new(&request.member_id, request.group_instance_id.as_deref()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.map(|share| (share.member_id.to_string(), share.assignment)).collect(),
    };
    let waiting = client.server.groups.sync(&request.group_id, wish);
    async move {
        match waiting.await.unwrap_or(Err(ResponseError::CoordinatorNotAvailable)) {
            Ok(synced) => SyncGroupResponse::default()
                .with_protocol_type(Some(StrBytes::from_string(synced.protocol_type)))
                .with_protocol_name(Some(StrBytes::from_string(synced.protocol)))
                .with_assignment(synced.assignment),
            Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
        }
    }
}
