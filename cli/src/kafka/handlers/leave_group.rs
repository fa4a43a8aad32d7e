//! LeaveGroup: members go; since version 3 several at once, by an operator's hand.

use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use crate::kafka::connection::Client;
use crate::kafka::error_code::code_of;
use crate::kafka::groups::Identity;

/// Lets them go.
pub(crate) fn answer(client: &Client, request: LeaveGroupRequest, version: i16) -> LeaveGroupResponse {
    let groups = &client.server.groups;
    if version < 3 {
        let identity = Identity::new(&request.member_id, None);
        let outcome = groups.leave(&request.group_id, &identity);
        return LeaveGroupResponse::default().with_error_code(code_of(&outcome));
    }
    let members = request.members.into_iter().map(|leaving| {
        let identity = Identity::new(&leaving.member_id, leaving.group_instance_id.as_deref());
        let outcome = groups.leave(&request.group_id, &identity);
        MemberResponse::default()
            .with_member_id(leaving.member_id)
            .with_group_instance_id(leaving.group_instance_id)
            .with_error_code(code_of(&outcome))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}
