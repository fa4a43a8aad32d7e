-- Log aggregation with alerts: lines of all services counted by level in each minute, and an alert when a
-- service has more errors in a minute than it may have.

CREATE STREAM log_lines (
  service STRING KEY, level STRING, message STRING, logged_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'log_lines', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'logged_at');

CREATE TABLE error_limits (
  service STRING PRIMARY KEY, errors_per_minute BIGINT
) WITH (KAFKA_TOPIC = 'error_limits', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE TABLE lines_per_minute WITH (KEY_FORMAT = 'JSON') AS
  SELECT service, level, COUNT(*) AS lines_count
  FROM log_lines WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY service, level EMIT CHANGES;

-- Errors in the order of their lines, with the limit of their service.
CREATE STREAM errors AS
  SELECT l.service AS service, l.message AS message, e.errors_per_minute AS errors_per_minute
  FROM log_lines l JOIN error_limits e ON l.service = e.service
  WHERE l.level = 'ERROR' EMIT CHANGES;

-- The row of a minute appears when its limit is exceeded, and says what was logged last.
CREATE TABLE error_alerts AS
  SELECT service, COUNT(*) AS errors_count, MAX(errors_per_minute) AS errors_allowed,
         LATEST_BY_OFFSET(message) AS last_message
  FROM errors WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY service
  HAVING COUNT(*) > MAX(errors_per_minute) EMIT CHANGES;

INSERT INTO error_limits (service, errors_per_minute) VALUES ('shop', 2), ('login', 0);

INSERT INTO log_lines (service, level, message, logged_at) VALUES
  ('shop', 'INFO', 'started', '2026-03-01T10:00:00.000'),
  ('shop', 'ERROR', 'no connection to the warehouse', '2026-03-01T10:00:10.000'),
  ('shop', 'ERROR', 'no connection to the warehouse', '2026-03-01T10:00:20.000'),
  ('login', 'ERROR', 'certificate expired', '2026-03-01T10:00:30.000'),
  ('shop', 'ERROR', 'gave up', '2026-03-01T10:01:10.000'),
  ('shop', 'ERROR', 'no connection to the bank', '2026-03-01T10:01:20.000'),
  ('shop', 'ERROR', 'out of memory', '2026-03-01T10:01:30.000');

SELECT service, level, SUM(lines_count) AS lines_count FROM lines_per_minute GROUP BY service, level
ORDER BY service, level;
-- expect: login ERROR 1, shop ERROR 5, shop INFO 1

SELECT service, errors_count, errors_allowed, last_message FROM error_alerts ORDER BY service;
-- expect: login 1 0 certificate expired, shop 3 2 out of memory
