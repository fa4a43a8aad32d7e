//! DescribeCluster: the one broker there is.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::authorized_operations;
use crate::kafka::connection::Client;
use crate::kafka::server::NODE_ID;

/// The endpoint type that asks for brokers (and not for the controllers of a quorum).
const BROKERS: i8 = 1;

/// Describes this server.
pub(crate) fn answer(
    client: &Client,
    request: &DescribeClusterRequest,
    version: i16,
) -> DescribeClusterResponse {
    if version >= 1 && request.endpoint_type != BROKERS {
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(StrBytes::from_static_str("this endpoint is a broker's")))
            .with_endpoint_type(request.endpoint_type);
    }
    let broker = DescribeClusterBroker::default()
        .with_broker_id(NODE_ID.into())
        .with_host(StrBytes::from_string(client.advertised.ip().to_string()))
        .with_port(i32::from(client.advertised.port()));
    let response = DescribeClusterResponse::default()
        .with_cluster_id(StrBytes::from_string(client.server.options.cluster_id.clone()))
        .with_controller_id(NODE_ID.into())
        .with_brokers(vec![broker]);
    if request.include_cluster_authorized_operations {
        return response.with_cluster_authorized_operations(authorized_operations::CLUSTER);
    }
    response
}
