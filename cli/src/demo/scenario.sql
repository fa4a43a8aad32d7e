-- What the demo watches: streams over the machine's metrics, rates by device in windows, the busiest
-- processes, and alerts where a reading is above its threshold.

CREATE STREAM IF NOT EXISTS cpu (
  core STRING KEY, busy_percent DOUBLE, user_percent DOUBLE, system_percent DOUBLE, waiting_percent DOUBLE
) WITH (KAFKA_TOPIC = 'demo_cpu', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM IF NOT EXISTS memory (
  area STRING KEY, total_bytes BIGINT, available_bytes BIGINT, used_percent DOUBLE, swap_used_percent DOUBLE
) WITH (KAFKA_TOPIC = 'demo_memory', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM IF NOT EXISTS disks (
  device STRING KEY, read_bytes BIGINT, written_bytes BIGINT, busy_ms BIGINT
) WITH (KAFKA_TOPIC = 'demo_disks', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM IF NOT EXISTS network (
  interface STRING KEY, received_bytes BIGINT, sent_bytes BIGINT, errors BIGINT
) WITH (KAFKA_TOPIC = 'demo_network', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM IF NOT EXISTS processes (
  pid STRING KEY, name STRING, cpu_percent DOUBLE, resident_bytes BIGINT, threads BIGINT
) WITH (KAFKA_TOPIC = 'demo_processes', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM IF NOT EXISTS readings (
  metric STRING KEY, device STRING, measured DOUBLE
) WITH (KAFKA_TOPIC = 'demo_readings', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE TABLE IF NOT EXISTS thresholds (
  metric STRING PRIMARY KEY, maximum DOUBLE
) WITH (KAFKA_TOPIC = 'demo_thresholds', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

INSERT INTO thresholds (metric, maximum) VALUES
  ('cpu_percent', 90.0), ('memory_percent', 90.0), ('disk_percent', 80.0);

CREATE TABLE IF NOT EXISTS cpu_load AS
  SELECT core, AVG(busy_percent) AS busy_percent, MAX(busy_percent) AS peak_percent
  FROM cpu WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY core EMIT CHANGES;

CREATE TABLE IF NOT EXISTS disk_rates AS
  SELECT device, SUM(read_bytes) / 5 AS read_bytes_per_second,
         SUM(written_bytes) / 5 AS written_bytes_per_second
  FROM disks WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY device EMIT CHANGES;

CREATE TABLE IF NOT EXISTS network_rates AS
  SELECT interface, SUM(received_bytes) / 5 AS received_bytes_per_second,
         SUM(sent_bytes) / 5 AS sent_bytes_per_second
  FROM network WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY interface EMIT CHANGES;

CREATE TABLE IF NOT EXISTS top_processes AS
  SELECT pid, LATEST_BY_OFFSET(name) AS name, AVG(cpu_percent) AS cpu_percent,
         MAX(resident_bytes) AS resident_bytes
  FROM processes WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY pid EMIT CHANGES;

CREATE STREAM IF NOT EXISTS alerts AS
  SELECT r.metric AS metric, r.device AS device, r.measured AS measured, t.maximum AS maximum
  FROM readings r JOIN thresholds t ON r.metric = t.metric
  WHERE r.measured > t.maximum EMIT CHANGES;
