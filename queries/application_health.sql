-- Application health: response times and failures of services in windows, and alerts where a reading
-- is above a threshold that can be changed while everything runs.
--
-- `tidemill demo` runs a scenario of this kind on the live metrics of the machine it is started on.

CREATE STREAM requests (
  service STRING KEY, path STRING, status INT, duration_ms DOUBLE
) WITH (KAFKA_TOPIC = 'requests', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM readings (
  metric STRING KEY, service STRING, measured DOUBLE
) WITH (KAFKA_TOPIC = 'readings', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE TABLE thresholds (
  metric STRING PRIMARY KEY, maximum DOUBLE
) WITH (KAFKA_TOPIC = 'thresholds', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

-- Health of each service in each ten seconds.
CREATE TABLE service_health AS
  SELECT service, COUNT(*) AS requests_count,
         SUM(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS failures_count,
         AVG(duration_ms) AS mean_ms, MAX(duration_ms) AS slowest_ms
  FROM requests WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY service EMIT CHANGES;

-- Readings above their thresholds, as they come.
CREATE STREAM alerts AS
  SELECT r.metric AS metric, r.service AS service, r.measured AS measured, t.maximum AS maximum
  FROM readings r JOIN thresholds t ON r.metric = t.metric
  WHERE r.measured > t.maximum EMIT CHANGES;

INSERT INTO thresholds (metric, maximum) VALUES ('cpu_percent', 80.0), ('queue_length', 1000.0);

-- The records of one statement have one time, and so fall into one window.
INSERT INTO requests (service, path, status, duration_ms) VALUES
  ('shop', '/cart', 200, 12.0), ('shop', '/cart', 503, 30.0), ('shop', '/pay', 200, 18.0),
  ('login', '/', 200, 4.0);

-- Readings are judged by the thresholds known when they come.
INSERT INTO readings (metric, service, measured) VALUES
  ('cpu_percent', 'shop', 91.5), ('cpu_percent', 'login', 12.0), ('queue_length', 'shop', 40.0);

SELECT service, requests_count, failures_count, mean_ms, slowest_ms FROM service_health ORDER BY service;
-- expect: login 1 0 4 4, shop 3 1 20 30

SELECT metric, service, measured, maximum FROM alerts;
-- expect: cpu_percent shop 91.5 80
