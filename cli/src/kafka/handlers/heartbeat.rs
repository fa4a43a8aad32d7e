//! Heartbeat: a member lives.

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::kafka::connection::Client;
use crate::kafka::error_code::code_of;
use crate::kafka::groups::Identity;

/// Notes the sign of life.
pub(crate) fn answer(client: &Client, request: &HeartbeatRequest) -> HeartbeatResponse {
    let identity = Identity::new(&request.member_id, request.group_instance_id.as_deref());
    let outcome = client.server.groups.heartbeat(&request.group_id, &identity, request.generation_id);
    HeartbeatResponse::default().with_error_code(code_of(&outcome))
}
