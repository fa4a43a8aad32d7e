//! JoinGroup: a member enters a group; the answer comes with the new generation.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::connection::Client;
use crate::kafka::groups::{Identity, JoinRequest, Joined, JoinedMember};

/// Begins to join; the future waits for the group.
pub(crate) fn start(
    client: &Client,
    request: JoinGroupRequest,
    version: i16,
    client_id: String,
) -> impl Future<Output = JoinGroupResponse> + Send + 'static {
    let member = request.member_id.to_string();
    let waiting = join_request(client, &request, version, client_id)
        .map(|wish| client.server.groups.join(&request.group_id, wish));
    async move {
        let outcome = match waiting {
            // A sender that is dropped without a word belongs to a server that stops.
            Ok(answer) => answer.await.unwrap_or(Err((ResponseError::CoordinatorNotAvailable, member))),
            Err(error) => Err((error, member)),
        };
        match outcome {
            Ok(joined) => welcomed(joined),
            Err((error, member)) => JoinGroupResponse::default()
                .with_error_code(error.code())
                .with_generation_id(-1)
                .with_protocol_name(no_protocol(version))
                .with_member_id(StrBytes::from_string(member)),
        }
    }
}

fn join_request(
    client: &Client,
    request: &JoinGroupRequest,
    version: i16,
    client_id: String,
) -> Result<JoinRequest, ResponseError> {
    let limits = client.server.groups.limits();
    let session_timeout = milliseconds(request.session_timeout_ms);
    if !(limits.session_timeout_min..=limits.session_timeout_max).contains(&session_timeout) {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    // Version 0 knows one timeout for both.
    let rebalance_timeout =
        if version >= 1 { milliseconds(request.rebalance_timeout_ms) } else { session_timeout };
    let protocols = request.protocols.iter();
    Ok(JoinRequest {
        identity: Identity::new(&request.member_id, request.group_instance_id.as_deref()),
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.map(|known| (known.name.to_string(), known.metadata.clone())).collect(),
        session_timeout,
        rebalance_timeout: rebalance_timeout.min(limits.session_timeout_max),
        client_id,
        client_host: client.peer.ip().to_string(),
        name_first: version >= 4,
        may_skip_assignment: version >= 9,
    })
}

fn milliseconds(value: i32) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

fn welcomed(joined: Joined) -> JoinGroupResponse {
    let text = |text: String| StrBytes::from_string(text);
    let members = joined.members.into_iter().map(|JoinedMember { id, instance_id, metadata }| {
        JoinGroupResponseMember::default()
            .with_member_id(text(id))
            .with_group_instance_id(instance_id.map(text))
            .with_metadata(metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(Some(text(joined.protocol_type)))
        .with_protocol_name(Some(text(joined.protocol)))
        .with_leader(text(joined.leader))
        .with_member_id(text(joined.member))
        .with_members(members.collect())
        .with_skip_assignment(joined.skip_assignment)
}

/// Before version 7 an answer without a protocol says so with an empty name.
fn no_protocol(version: i16) -> Option<StrBytes> {
    (version < 7).then(StrBytes::new)
}
