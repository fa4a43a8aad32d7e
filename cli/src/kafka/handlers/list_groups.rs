//! ListGroups: groups with members, and groups that have left nothing but offsets.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_coordination;

/// The one type of group there is here.
const TYPE: &str = "Classic";

/// State of a group without members.
pub(super) const EMPTY: &str = "Empty";

/// Lists the groups that pass the filters; an empty filter lets all pass.
pub(crate) async fn answer(client: &Client, request: ListGroupsRequest) -> ListGroupsResponse {
    let offsets = client.server.topics.groups().clone();
    let stored = match blocking(move || offsets.groups()).await {
        Ok(stored) => stored,
        Err(error) => {
            warn!(peer = %client.peer, %error, "groups could not be read");
            return ListGroupsResponse::default().with_error_code(of_coordination(&error).code());
        }
    };
    let mut groups: BTreeMap<String, (&'static str, String)> =
        stored.into_iter().map(|name| (name, (EMPTY, String::new()))).collect();
    for name in client.server.groups.names() {
        if let Some(group) = client.server.groups.overview(&name) {
            groups.insert(name, (group.state, group.protocol_type));
        }
    }
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|f| f.eq_ignore_ascii_case(value))
    };
    let listed = groups
        .into_iter()
        .filter(|(_, (state, _))| {
            passes(&request.states_filter, state) && passes(&request.types_filter, TYPE)
        })
        .map(|(name, (state, protocol_type))| {
            ListedGroup::default()
                .with_group_id(StrBytes::from_string(name).into())
                .with_protocol_type(StrBytes::from_string(protocol_type))
                .with_group_state(StrBytes::from_static_str(state))
                .with_group_type(StrBytes::from_static_str(TYPE))
        });
    ListGroupsResponse::default().with_groups(listed.collect())
}
