//! The layouts of all requests this door decodes, as the codec crate decodes them.
//!
//! One line a field, in wire order; [`super::shape`] says what the kinds mean and walks them.

use kafka_protocol::messages::ApiKey;

use super::shape::{Field, Kind, Shape, always, between, since, tagged, until};

const INT8: Kind = Kind::Fixed(1);
const BOOL: Kind = Kind::Fixed(1);
const INT16: Kind = Kind::Fixed(2);
const INT32: Kind = Kind::Fixed(4);
const INT64: Kind = Kind::Fixed(8);
const UUID: Kind = Kind::Fixed(16);
const TEXT: Kind = Kind::Text;
const DATA: Kind = Kind::Data;
const TEXTS: Kind = Kind::Array(&Kind::Text);
const INT32S: Kind = Kind::Array(&Kind::Fixed(4));

/// Past every version: the request never became flexible.
const NEVER: i16 = i16::MAX;

/// The layout of a call's request; `None` where this door does not know the call.
pub(crate) fn shape_of(api: ApiKey) -> Option<&'static Shape> {
    Some(match api {
        ApiKey::Produce => &PRODUCE,
        ApiKey::Fetch => &FETCH,
        ApiKey::ListOffsets => &LIST_OFFSETS,
        ApiKey::Metadata => &METADATA,
        ApiKey::OffsetCommit => &OFFSET_COMMIT,
        ApiKey::OffsetFetch => &OFFSET_FETCH,
        ApiKey::FindCoordinator => &FIND_COORDINATOR,
        ApiKey::JoinGroup => &JOIN_GROUP,
        ApiKey::Heartbeat => &HEARTBEAT,
        ApiKey::LeaveGroup => &LEAVE_GROUP,
        ApiKey::SyncGroup => &SYNC_GROUP,
        ApiKey::DescribeGroups => &DESCRIBE_GROUPS,
        ApiKey::ListGroups => &LIST_GROUPS,
        ApiKey::ApiVersions => &API_VERSIONS,
        ApiKey::CreateTopics => &CREATE_TOPICS,
        ApiKey::DeleteTopics => &DELETE_TOPICS,
        ApiKey::DeleteRecords => &DELETE_RECORDS,
        ApiKey::InitProducerId => &INIT_PRODUCER_ID,
        ApiKey::OffsetForLeaderEpoch => &OFFSET_FOR_LEADER_EPOCH,
        ApiKey::AddPartitionsToTxn => &ADD_PARTITIONS_TO_TXN,
        ApiKey::AddOffsetsToTxn => &ADD_OFFSETS_TO_TXN,
        ApiKey::EndTxn => &END_TXN,
        ApiKey::TxnOffsetCommit => &TXN_OFFSET_COMMIT,
        ApiKey::DescribeConfigs => &DESCRIBE_CONFIGS,
        ApiKey::AlterConfigs => &ALTER_CONFIGS,
        ApiKey::IncrementalAlterConfigs => &INCREMENTAL_ALTER_CONFIGS,
        ApiKey::CreatePartitions => &CREATE_PARTITIONS,
        ApiKey::DeleteGroups => &DELETE_GROUPS,
        ApiKey::OffsetDelete => &OFFSET_DELETE,
        ApiKey::DescribeCluster => &DESCRIBE_CLUSTER,
        _ => return None,
    })
}

const fn shape(flexible_since: i16, fields: &'static [Field]) -> Shape {
    Shape { flexible_since, fields }
}

static PRODUCE: Shape = shape(
    9,
    &[
        since(3, TEXT), // transactional id
        always(INT16),  // acks
        always(INT32),  // timeout
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32), // partition
                always(DATA),  // records
            ]))),
        ]))),
    ],
);

static FETCH: Shape = shape(
    12,
    &[
        until(14, INT32), // replica id
        always(INT32),    // wait
        always(INT32),    // bytes at least
        always(INT32),    // bytes at most
        always(INT8),     // isolation level
        since(7, INT32),  // session id
        since(7, INT32),  // session epoch
        always(Kind::Array(&Kind::Struct(&[
            until(12, TEXT), // topic
            since(13, UUID), // topic id
            always(Kind::Array(&Kind::Struct(&[
                always(INT32),       // partition
                since(9, INT32),     // current leader epoch
                always(INT64),       // offset
                since(12, INT32),    // last fetched epoch
                since(5, INT64),     // log start offset
                always(INT32),       // bytes at most
                tagged(0, 17, UUID), // replica directory
            ]))),
        ]))),
        since(
            7,
            Kind::Array(&Kind::Struct(&[
                until(12, TEXT), // forgotten topic
                since(13, UUID), // forgotten topic id
                always(INT32S),  // partitions
            ])),
        ),
        since(11, TEXT),     // rack
        tagged(0, 12, TEXT), // cluster id
        tagged(
            1,
            15,
            Kind::Struct(&[
                always(INT32), // replica id
                always(INT64), // replica epoch
            ]),
        ),
    ],
);

static LIST_OFFSETS: Shape = shape(
    6,
    &[
        always(INT32),  // replica id
        since(2, INT8), // isolation level
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32),   // partition
                since(4, INT32), // current leader epoch
                always(INT64),   // timestamp
            ]))),
        ]))),
        since(10, INT32), // timeout
    ],
);

static METADATA: Shape = shape(
    9,
    &[
        always(Kind::Array(&Kind::Struct(&[
            since(10, UUID), // topic id
            always(TEXT),    // topic
        ]))),
        since(4, BOOL),       // create missing topics
        between(8, 10, BOOL), // cluster's authorized operations
        since(8, BOOL),       // topics' authorized operations
    ],
);

static OFFSET_COMMIT: Shape = shape(
    8,
    &[
        always(TEXT),         // group
        always(INT32),        // generation
        always(TEXT),         // member
        since(7, TEXT),       // instance
        between(2, 4, INT64), // retention
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32),   // partition
                always(INT64),   // offset
                since(6, INT32), // leader epoch
                always(TEXT),    // metadata
            ]))),
        ]))),
    ],
);

static OFFSET_FETCH: Shape = shape(
    6,
    &[
        until(7, TEXT), // group
        until(
            7,
            Kind::Array(&Kind::Struct(&[
                always(TEXT),   // topic
                always(INT32S), // partitions
            ])),
        ),
        since(
            8,
            Kind::Array(&Kind::Struct(&[
                always(TEXT),    // group
                since(9, TEXT),  // member
                since(9, INT32), // member epoch
                always(Kind::Array(&Kind::Struct(&[
                    always(TEXT),   // topic
                    always(INT32S), // partitions
                ]))),
            ])),
        ),
        since(7, BOOL), // stable offsets only
    ],
);

static FIND_COORDINATOR: Shape = shape(
    3,
    &[
        until(3, TEXT),  // key
        since(1, INT8),  // kind of key
        since(4, TEXTS), // keys
    ],
);

static JOIN_GROUP: Shape = shape(
    6,
    &[
        always(TEXT),    // group
        always(INT32),   // session timeout
        since(1, INT32), // rebalance timeout
        always(TEXT),    // member
        since(5, TEXT),  // instance
        always(TEXT),    // protocol type
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // protocol
            always(DATA), // its metadata
        ]))),
        since(8, TEXT), // reason
    ],
);

static HEARTBEAT: Shape = shape(
    4,
    &[
        always(TEXT),   // group
        always(INT32),  // generation
        always(TEXT),   // member
        since(3, TEXT), // instance
    ],
);

static LEAVE_GROUP: Shape = shape(
    4,
    &[
        always(TEXT),   // group
        until(2, TEXT), // member
        since(
            3,
            Kind::Array(&Kind::Struct(&[
                always(TEXT),   // member
                always(TEXT),   // instance
                since(5, TEXT), // reason
            ])),
        ),
    ],
);

static SYNC_GROUP: Shape = shape(
    4,
    &[
        always(TEXT),   // group
        always(INT32),  // generation
        always(TEXT),   // member
        since(3, TEXT), // instance
        since(5, TEXT), // protocol type
        since(5, TEXT), // protocol
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // member
            always(DATA), // assignment
        ]))),
    ],
);

static DESCRIBE_GROUPS: Shape = shape(
    5,
    &[
        always(TEXTS),  // groups
        since(3, BOOL), // authorized operations
    ],
);

static LIST_GROUPS: Shape = shape(
    3,
    &[
        since(4, TEXTS), // states
        since(5, TEXTS), // types
    ],
);

static API_VERSIONS: Shape = shape(
    3,
    &[
        since(3, TEXT), // software name
        since(3, TEXT), // software version
    ],
);

static CREATE_TOPICS: Shape = shape(
    5,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT),  // topic
            always(INT32), // partitions
            always(INT16), // replication factor
            always(Kind::Array(&Kind::Struct(&[
                always(INT32),  // partition
                always(INT32S), // brokers
            ]))),
            always(Kind::Array(&Kind::Struct(&[
                always(TEXT), // setting
                always(TEXT), // value
            ]))),
        ]))),
        always(INT32), // timeout
        always(BOOL),  // validate only
    ],
);

static DELETE_TOPICS: Shape = shape(
    4,
    &[
        since(
            6,
            Kind::Array(&Kind::Struct(&[
                always(TEXT), // topic
                always(UUID), // topic id
            ])),
        ),
        until(5, TEXTS), // topics
        always(INT32),   // timeout
    ],
);

static DELETE_RECORDS: Shape = shape(
    2,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32), // partition
                always(INT64), // offset
            ]))),
        ]))),
        always(INT32), // timeout
    ],
);

static INIT_PRODUCER_ID: Shape = shape(
    2,
    &[
        always(TEXT),    // transactional id
        always(INT32),   // transaction timeout
        since(3, INT64), // producer id
        since(3, INT16), // producer epoch
    ],
);

static OFFSET_FOR_LEADER_EPOCH: Shape = shape(
    4,
    &[
        since(3, INT32), // replica id
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32), // partition
                always(INT32), // current leader epoch
                always(INT32), // leader epoch asked for
            ]))),
        ]))),
    ],
);

static ADD_PARTITIONS_TO_TXN: Shape = shape(
    3,
    &[
        always(TEXT),  // transactional id
        always(INT64), // producer id
        always(INT16), // producer epoch
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT),   // topic
            always(INT32S), // partitions
        ]))),
    ],
);

static ADD_OFFSETS_TO_TXN: Shape = shape(
    3,
    &[
        always(TEXT),  // transactional id
        always(INT64), // producer id
        always(INT16), // producer epoch
        always(TEXT),  // group
    ],
);

static END_TXN: Shape = shape(
    3,
    &[
        always(TEXT),  // transactional id
        always(INT64), // producer id
        always(INT16), // producer epoch
        always(BOOL),  // committed
    ],
);

static TXN_OFFSET_COMMIT: Shape = shape(
    3,
    &[
        always(TEXT),    // transactional id
        always(TEXT),    // group
        always(INT64),   // producer id
        always(INT16),   // producer epoch
        since(3, INT32), // generation
        since(3, TEXT),  // member
        since(3, TEXT),  // instance
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32),   // partition
                always(INT64),   // offset
                since(2, INT32), // leader epoch
                always(TEXT),    // metadata
            ]))),
        ]))),
    ],
);

static DESCRIBE_CONFIGS: Shape = shape(
    4,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(INT8),  // kind of resource
            always(TEXT),  // resource
            always(TEXTS), // settings
        ]))),
        always(BOOL),   // synonyms
        since(3, BOOL), // documentation
    ],
);

static ALTER_CONFIGS: Shape = shape(
    2,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(INT8), // kind of resource
            always(TEXT), // resource
            always(Kind::Array(&Kind::Struct(&[
                always(TEXT), // setting
                always(TEXT), // value
            ]))),
        ]))),
        always(BOOL), // validate only
    ],
);

static INCREMENTAL_ALTER_CONFIGS: Shape = shape(
    1,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(INT8), // kind of resource
            always(TEXT), // resource
            always(Kind::Array(&Kind::Struct(&[
                always(TEXT), // setting
                always(INT8), // operation
                always(TEXT), // value
            ]))),
        ]))),
        always(BOOL), // validate only
    ],
);

static CREATE_PARTITIONS: Shape = shape(
    2,
    &[
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT),  // topic
            always(INT32), // partitions
            always(Kind::Array(&Kind::Struct(&[
                always(INT32S), // brokers
            ]))),
        ]))),
        always(INT32), // timeout
        always(BOOL),  // validate only
    ],
);

static DELETE_GROUPS: Shape = shape(2, &[always(TEXTS)]);

static OFFSET_DELETE: Shape = shape(
    NEVER,
    &[
        always(TEXT), // group
        always(Kind::Array(&Kind::Struct(&[
            always(TEXT), // topic
            always(Kind::Array(&Kind::Struct(&[
                always(INT32), // partition
            ]))),
        ]))),
    ],
);

static DESCRIBE_CLUSTER: Shape = shape(
    0,
    &[
        always(BOOL),   // authorized operations
        since(1, INT8), // kind of endpoint
        since(2, BOOL), // fenced brokers
    ],
);
