-- User sessions: how long each visit lasts, how many events it has and where it began and ended. A visit
-- ends when nothing comes from its user for thirty minutes.

CREATE STREAM events (
  user_id STRING KEY, action STRING, page STRING, happened_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'happened_at');

-- One row for each visit; an event that falls between two visits makes them one.
CREATE TABLE visits AS
  SELECT user_id, COUNT(*) AS events_count,
         EARLIEST_BY_OFFSET(page) AS first_page, LATEST_BY_OFFSET(page) AS last_page,
         COUNT_DISTINCT(page) AS pages_count
  FROM events WINDOW SESSION (30 MINUTES) GROUP BY user_id EMIT CHANGES;

INSERT INTO events (user_id, action, page, happened_at) VALUES
  ('ann', 'view', '/', '2026-03-01T09:00:00.000'),
  ('bob', 'view', '/sale', '2026-03-01T09:01:00.000'),
  ('ann', 'view', '/shoes', '2026-03-01T09:10:00.000'),
  ('ann', 'buy', '/pay', '2026-03-01T09:25:00.000'),
  ('bob', 'view', '/', '2026-03-01T09:50:00.000'),
  ('ann', 'view', '/', '2026-03-01T11:00:00.000');

SELECT user_id, events_count, pages_count, (windowend - windowstart) / 60000 AS minutes FROM visits
ORDER BY user_id, windowstart;
-- expect: ann 3 3 25, ann 1 1 0, bob 1 1 0, bob 1 1 0

-- This event was late: it joins the two visits of bob.
INSERT INTO events (user_id, action, page, happened_at) VALUES
  ('bob', 'view', '/help', '2026-03-01T09:25:00.000');

SELECT user_id, events_count, (windowend - windowstart) / 60000 AS minutes FROM visits WHERE user_id = 'bob';
-- expect: bob 3 49
