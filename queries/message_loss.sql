-- Operational metrics: messages counted for each producer and topic, and an alarm when some were lost. Every
-- producer numbers its messages to a topic; what is missing between the first and the last was lost.

CREATE STREAM messages (
  producer STRING KEY, topic STRING, number BIGINT, sent_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'messages', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'sent_at');

CREATE TABLE message_counts WITH (KEY_FORMAT = 'JSON') AS
  SELECT producer, topic, COUNT(*) AS messages_count, MIN(number) AS first_number, MAX(number) AS last_number
  FROM messages GROUP BY producer, topic EMIT CHANGES;

-- Judged when a minute is over, so that a message that is only late raises no alarm.
CREATE TABLE loss_alarms WITH (KEY_FORMAT = 'JSON') AS
  SELECT producer, topic, COUNT(*) AS arrived, MAX(number) - MIN(number) + 1 AS expected
  FROM messages WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 10 SECONDS)
  GROUP BY producer, topic
  HAVING COUNT(*) < MAX(number) - MIN(number) + 1 EMIT FINAL;

INSERT INTO messages (producer, topic, number, sent_at) VALUES
  ('pump-1', 'levels', 1, '2026-03-01T10:00:00.000'), ('pump-1', 'levels', 2, '2026-03-01T10:00:10.000'),
  ('pump-2', 'levels', 7, '2026-03-01T10:00:15.000'), ('pump-1', 'levels', 4, '2026-03-01T10:00:30.000'),
  ('pump-1', 'faults', 1, '2026-03-01T10:00:40.000'), ('pump-2', 'levels', 9, '2026-03-01T10:00:50.000'),
  ('pump-2', 'levels', 8, '2026-03-01T10:00:45.000');

SELECT producer, topic, messages_count, last_number FROM message_counts ORDER BY producer, topic;
-- expect: pump-1 faults 1 1, pump-1 levels 3 4, pump-2 levels 3 9

-- Nothing is judged before the minute is over, and its ten seconds of grace.
SELECT producer, topic FROM loss_alarms;
-- expect:

INSERT INTO messages (producer, topic, number, sent_at) VALUES
  ('pump-1', 'levels', 5, '2026-03-01T10:01:20.000');

SELECT producer, topic, arrived, expected FROM loss_alarms;
-- expect: pump-1 levels 3 4
