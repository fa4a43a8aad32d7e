//! Names of the settings of Kafka's clients, of Kafka Streams and of ksqlDB.
//!
//! Scripts come from ksqlDB with properties that mean nothing here: those are taken, and said to do nothing.
//! A name that is on no list is a slip, and a statement that relies on it would do something else than its
//! author believes. Settings that do something here are declared in [`settings`](super::settings).

/// What stands before a name to say which client it is meant for.
const CLIENTS: [&str; 8] = [
    "ksql.streams.",
    "main.consumer.",
    "restore.consumer.",
    "global.consumer.",
    "consumer.",
    "producer.",
    "admin.",
    "streams.",
];

/// Families of names that go on as their parts are called: those of functions, listeners and topics.
const FAMILIES: [&str; 25] = [
    "ksql.assert.",
    "ksql.authorization.",
    "ksql.connect.",
    "ksql.error.classifier.regex.",
    "ksql.functions.",
    "ksql.heartbeat.",
    "ksql.internal.",
    "ksql.lag.",
    "ksql.logging.",
    "ksql.metrics.",
    "ksql.plugins.",
    "ksql.query.persistent.",
    "ksql.query.pull.",
    "ksql.query.push.",
    "ksql.query.retry.",
    "ksql.query.transient.",
    "ksql.runtime.feature.",
    "ksql.schema.registry.",
    "ksql.security.",
    "ksql.server.",
    "ksql.transient.query.",
    "ksql.websocket.",
    "sasl.",
    "ssl.",
    "topic.",
];

/// A name without the client that it is meant for.
pub(super) fn without_client(name: &str) -> &str {
    CLIENTS.iter().find_map(|client| name.strip_prefix(client)).unwrap_or(name)
}

/// Whether Kafka or ksqlDB has a setting of that name, given in lower case, for one of its clients or all.
pub(super) fn is_known(name: &str) -> bool {
    let mut rest = name;
    loop {
        let is_family =
            FAMILIES.iter().any(|family| rest.strip_prefix(family).is_some_and(|own| !own.is_empty()));
        // Kafka Streams' internal settings stand between underscores.
        let is_internal = rest.len() > 4 && rest.starts_with("__") && rest.ends_with("__");
        if is_family || is_internal || NAMES.binary_search(&rest).is_ok() {
            return true;
        }
        let shorter = without_client(rest);
        if shorter.len() == rest.len() {
            return false;
        }
        rest = shorter;
    }
}

/// Names that another may be a slip of.
pub(super) fn listed() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied()
}

/// All names without families, in order.
#[rustfmt::skip]
const NAMES: [&str; 168] = [
    "acceptable.recovery.lag", "acks", "allow.auto.create.topics", "application.id",
    "application.server", "auto.commit.interval.ms", "auto.include.jmx.reporter", "batch.size",
    "bootstrap.servers", "buffer.memory", "buffered.records.per.partition", "built.in.metrics.version",
    "check.crcs", "client.dns.lookup", "client.id", "client.rack", "commit.interval.ms",
    "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level",
    "config.providers", "connections.max.idle.ms", "default.api.timeout.ms", "default.client.supplier",
    "default.deserialization.exception.handler", "default.dsl.store", "default.key.serde",
    "default.list.key.serde.inner", "default.list.key.serde.type", "default.list.value.serde.inner",
    "default.list.value.serde.type", "default.production.exception.handler",
    "default.timestamp.extractor", "default.value.serde", "default.windowed.key.serde.inner",
    "default.windowed.value.serde.inner", "delivery.timeout.ms", "deserialization.exception.handler",
    "dsl.store.suppliers.class", "enable.auto.commit", "enable.idempotence", "enable.metrics.push",
    "ensure.explicit.internal.resource.naming", "exclude.internal.topics", "fetch.max.bytes",
    "fetch.max.wait.ms", "fetch.min.bytes", "group.id", "group.instance.id", "group.protocol",
    "group.remote.assignor", "heartbeat.interval.ms", "input.buffer.max.bytes", "interceptor.classes",
    "isolation.level", "key.deserializer", "key.serializer", "ksql.access.validator.enable",
    "ksql.advertised.listener", "ksql.any.key.name.enabled", "ksql.cast.strings.preserve.nulls",
    "ksql.create.or.replace.enabled", "ksql.enable.metastore.backup", "ksql.error.classifier.regex",
    "ksql.extension.dir", "ksql.fail.on.deserialization.error", "ksql.fail.on.production.error",
    "ksql.fetch.remote.hosts.max.timeout.seconds", "ksql.headers.columns.enabled",
    "ksql.healthcheck.interval.ms", "ksql.hidden.topics", "ksql.idle.connection.timeout.seconds",
    "ksql.insert.into.values.enabled", "ksql.json_sr.converter.deserializer.enabled",
    "ksql.lambdas.enabled", "ksql.metastore.backup.location", "ksql.multicol.key.format.enabled",
    "ksql.nested.error.set.null", "ksql.persistent.prefix", "ksql.properties.overrides.denylist",
    "ksql.pull.queries.enable", "ksql.queries.file", "ksql.query.cleanup.shutdown.timeout.ms",
    "ksql.query.error.max.queue.size", "ksql.query.status.running.threshold.seconds",
    "ksql.readonly.topics", "ksql.rowpartition.rowoffset.enabled", "ksql.service.id",
    "ksql.shared.runtime.enabled", "ksql.sink.replicas",
    "ksql.sink.window.change.log.additional.retention", "ksql.source.table.materialization.enabled",
    "ksql.streams.shutdown.timeout.ms", "ksql.suppress.buffer.size.bytes", "ksql.suppress.enabled",
    "ksql.transient.prefix", "ksql.udf.collect.metrics", "ksql.udf.enable.security.manager",
    "ksql.udfs.enabled", "ksql.verticle.instances", "ksql.windowed.session.key.legacy", "linger.ms",
    "log.summary.interval.ms", "max.block.ms", "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes", "max.poll.interval.ms", "max.poll.records", "max.request.size",
    "max.task.idle.ms", "max.warmup.replicas", "metadata.max.age.ms", "metadata.max.idle.ms",
    "metadata.recovery.rebootstrap.trigger.ms", "metadata.recovery.strategy", "metric.reporters",
    "metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms", "num.standby.replicas",
    "num.stream.threads", "partition.assignment.strategy", "partition.grouper",
    "partitioner.adaptive.partitioning.enable", "partitioner.availability.timeout.ms",
    "partitioner.class", "partitioner.ignore.keys", "poll.ms", "probing.rebalance.interval.ms",
    "processing.exception.handler", "processing.guarantee", "processor.wrapper.class",
    "production.exception.handler", "rack.aware.assignment.non_overlap_cost",
    "rack.aware.assignment.strategy", "rack.aware.assignment.tags", "rack.aware.assignment.traffic_cost",
    "receive.buffer.bytes", "reconnect.backoff.max.ms", "reconnect.backoff.ms",
    "repartition.purge.interval.ms", "replication.factor", "request.timeout.ms", "retries",
    "retry.backoff.max.ms", "retry.backoff.ms", "rocksdb.config.setter", "security.protocol",
    "security.providers", "send.buffer.bytes", "session.timeout.ms",
    "socket.connection.setup.timeout.max.ms", "socket.connection.setup.timeout.ms",
    "state.cleanup.delay.ms", "state.dir", "task.assignor.class", "task.timeout.ms",
    "topology.optimization", "transaction.timeout.ms", "transaction.two.phase.commit.enable",
    "transactional.id", "upgrade.from", "value.deserializer", "value.serializer", "window.size.ms",
    "windowed.inner.class.serde", "windowstore.changelog.additional.retention.ms",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_in_the_order_in_which_they_are_looked_up() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn a_setting_is_known_under_the_name_of_a_client_too() {
        for name in [
            "processing.guarantee",
            "ksql.streams.num.stream.threads",
            "ksql.streams.producer.linger.ms",
            "ksql.streams.__emit.interval.ms.kstreams.windowed.aggregation__",
            "ksql.functions.my_function.seed",
            "ksql.schema.registry.url",
            "ksql.streams.shutdown.timeout.ms",
            "ksql.pull.queries.enable",
            "ksql.streams.topic.min.insync.replicas",
            "ssl.keystore.location",
            "acks",
        ] {
            assert!(is_known(name), "{name}");
        }
    }

    #[test]
    fn what_is_on_no_list_is_not_known() {
        for name in [
            "foo.bar",
            "processing.garantee",
            "ksql.streams.num.threads",
            "ksql.",
            "ksql.functions.",
            "ack",
            "",
        ] {
            assert!(!is_known(name), "{name}");
        }
    }
}
