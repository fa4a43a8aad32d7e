//! DescribeGroups: who is in a group and what each one reads.

use std::collections::HashSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse};
use kafka_protocol::protocol::StrBytes;

use super::delete_groups::check_exists;
use super::list_groups::EMPTY;
use crate::kafka::authorized_operations;
use crate::kafka::connection::Client;
use crate::kafka::groups::{MemberDescription, Overview};

/// State of a group that does not exist.
const DEAD: &str = "Dead";

/// Describes each group.
pub(crate) async fn answer(
    client: &Client,
    request: DescribeGroupsRequest,
    version: i16,
) -> DescribeGroupsResponse {
    let mut answered = HashSet::new();
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        // Naming a group many times does not make the answer longer.
        if !answered.insert(group.clone()) {
            continue;
        }
        let described = match client.server.groups.overview(&group) {
            Some(overview) => with_members(overview),
            None => without_members(check_exists(client, &group).await, version),
        };
        let mut described = described.with_group_id(group);
        if version >= 3 && request.include_authorized_operations {
            described.authorized_operations = authorized_operations::GROUP;
        }
        groups.push(described);
    }
    DescribeGroupsResponse::default().with_groups(groups)
}

fn with_members(overview: Overview) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_state(StrBytes::from_static_str(overview.state))
        .with_protocol_type(StrBytes::from_string(overview.protocol_type))
        .with_protocol_data(StrBytes::from_string(overview.protocol))
        .with_members(overview.members.into_iter().map(member).collect())
}

fn member(member: MemberDescription) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(StrBytes::from_string(member.id))
        .with_group_instance_id(member.instance_id.map(StrBytes::from_string))
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(format!("/{}", member.client_host)))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

fn without_members(exists: Result<(), ResponseError>, version: i16) -> DescribedGroup {
    let described = DescribedGroup::default();
    match exists {
        Ok(()) => described.with_group_state(StrBytes::from_static_str(EMPTY)),
        // Up to version 5 a group that is not there is a dead one, and no error.
        Err(ResponseError::GroupIdNotFound) if version < 6 => {
            described.with_group_state(StrBytes::from_static_str(DEAD))
        }
        Err(error) => {
            described.with_error_code(error.code()).with_group_state(StrBytes::from_static_str(DEAD))
        }
    }
}
