//! DeleteGroups: forgets groups that nobody is in.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use tracing::{info, warn};

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{code_of, of_coordination};

/// Deletes each group that can be.
pub(crate) async fn answer(client: &Client, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for name in request.groups_names {
        let outcome = delete(client, &name).await;
        results.push(DeletableGroupResult::default().with_group_id(name).with_error_code(code_of(&outcome)));
    }
    DeleteGroupsResponse::default().with_results(results)
}

async fn delete(client: &Client, group: &str) -> Result<(), ResponseError> {
    if group.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    if client.server.groups.overview(group).is_some() {
        return Err(ResponseError::NonEmptyGroup);
    }
    check_exists(client, group).await?;
    let offsets = client.server.topics.groups().clone();
    let name = group.to_owned();
    blocking(move || offsets.delete(&name, None)).await.map_err(|error| {
        warn!(peer = %client.peer, group, %error, "a group could not be deleted");
        of_coordination(&error)
    })?;
    info!(peer = %client.peer, group, "group deleted");
    Ok(())
}

/// A group exists while somebody is in it or it has committed offsets.
pub(super) async fn check_exists(client: &Client, group: &str) -> Result<(), ResponseError> {
    if client.server.groups.overview(group).is_some() {
        return Ok(());
    }
    let topics = client.server.topics.clone();
    let name = group.to_owned();
    match blocking(move || topics.group(&name)).await {
        Ok(offsets) if offsets.is_empty() => Err(ResponseError::GroupIdNotFound),
        Ok(_) => Ok(()),
        Err(error) => {
            warn!(peer = %client.peer, group, %error, "committed offsets could not be read");
            Err(of_coordination(&error))
        }
    }
}
