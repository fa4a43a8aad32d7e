-- Click and upload tracking: what every user looks at and uploads, and the uploads that followed a
-- click within ten minutes.

CREATE STREAM clicks (
  user_id STRING KEY, page STRING
) WITH (KAFKA_TOPIC = 'clicks', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM uploads (
  user_id STRING KEY, file_name STRING, file_bytes BIGINT
) WITH (KAFKA_TOPIC = 'uploads', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

-- Clicks of each user in each minute.
CREATE TABLE clicks_per_minute AS
  SELECT user_id, COUNT(*) AS clicks_count
  FROM clicks WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY user_id EMIT CHANGES;

-- All that a user has uploaded, with the last five names.
CREATE TABLE uploads_by_user AS
  SELECT user_id, COUNT(*) AS uploads_count, SUM(file_bytes) AS uploaded_bytes,
         LATEST_BY_OFFSET(file_name, 5) AS latest_files
  FROM uploads GROUP BY user_id EMIT CHANGES;

-- Which page led to which upload.
CREATE STREAM uploads_after_clicks AS
  SELECT c.user_id AS user_id, c.page AS page, u.file_name AS file_name, u.file_bytes AS file_bytes
  FROM clicks c JOIN uploads u WITHIN (0 SECONDS, 10 MINUTES) GRACE PERIOD 1 MINUTE
    ON c.user_id = u.user_id
  EMIT CHANGES;

INSERT INTO clicks (user_id, page) VALUES ('ann', '/albums'), ('bob', '/help'), ('ann', '/albums/7');
INSERT INTO uploads (user_id, file_name, file_bytes) VALUES
  ('ann', 'sea.jpg', 2000000), ('ann', 'dog.jpg', 500000), ('bob', 'log.txt', 1200);

SELECT user_id, uploads_count, uploaded_bytes FROM uploads_by_user ORDER BY user_id;
-- expect: ann 2 2500000, bob 1 1200

SELECT user_id, page, file_name FROM uploads_after_clicks ORDER BY page, file_name;
-- expect: ann /albums dog.jpg, ann /albums sea.jpg, ann /albums/7 dog.jpg, ann /albums/7 sea.jpg,
-- bob /help log.txt
