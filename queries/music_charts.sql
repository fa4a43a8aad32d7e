-- Music charts: the three most played songs of each genre, looked up by genre.

CREATE TABLE songs (
  song_id BIGINT PRIMARY KEY, title STRING, artist STRING, genre STRING
) WITH (KAFKA_TOPIC = 'songs', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM plays (
  song_id BIGINT KEY, listener STRING, seconds INT
) WITH (KAFKA_TOPIC = 'plays', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

-- A play counts from half a minute on.
CREATE STREAM played_songs AS
  SELECT p.song_id AS song_id, s.title AS title, s.artist AS artist, s.genre AS genre, p.listener AS listener
  FROM plays p JOIN songs s ON p.song_id = s.song_id
  WHERE p.seconds >= 30 EMIT CHANGES;

CREATE TABLE song_plays WITH (KEY_FORMAT = 'JSON') AS
  SELECT genre, title, COUNT(*) AS plays_count, COUNT_DISTINCT(listener) AS listeners_count
  FROM played_songs GROUP BY genre, title EMIT CHANGES;

-- The charts themselves, a row a genre. Plays are counted by title, and the entries are sorted as texts that begin with
-- their count, right-aligned.
CREATE TABLE charts WITH (KEY_FORMAT = 'KAFKA') AS
  SELECT genre,
         TRANSFORM(
           SLICE(
             ARRAY_SORT(
               TRANSFORM(ENTRIES(HISTOGRAM(title), TRUE), (entry) => LPAD(CAST(entry->v AS STRING), 9, ' ') + ' ' + entry->k),
               'DESC'),
             1, 3),
           (line) => TRIM(line)) AS top_three,
         COUNT(*) AS plays_count
  FROM played_songs GROUP BY genre EMIT CHANGES;

INSERT INTO songs (song_id, title, artist, genre) VALUES
  (1, 'Tide', 'The Millers', 'folk'), (2, 'Sluice', 'The Millers', 'folk'), (3, 'Wheel', 'Ada', 'folk'),
  (4, 'Ebb', 'Ada', 'folk'), (5, 'Voltage', 'Grid', 'techno');

INSERT INTO plays (song_id, listener, seconds) VALUES
  (1, 'ann', 200), (1, 'bob', 180), (1, 'cid', 31), (2, 'ann', 90), (2, 'bob', 240), (3, 'ann', 35),
  (3, 'bob', 12), (4, 'cid', 5), (5, 'dan', 300), (5, 'dan', 300);

-- A look-up by key: what a page of one genre needs, in one row.
SELECT genre, ARRAY_JOIN(top_three, ' / ') AS top_three, plays_count FROM charts WHERE genre = 'folk';
-- expect: folk 3 Tide / 2 Sluice / 1 Wheel 6

-- The same question to the table of songs, with more to show of each.
SELECT title, plays_count, listeners_count FROM song_plays WHERE genre = 'folk'
ORDER BY plays_count DESC, title LIMIT 3;
-- expect: Tide 3 3, Sluice 2 2, Wheel 1 1
