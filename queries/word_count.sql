-- Word count: how often each word has been said, up to now and minute by minute.
--
-- The topic has one word a record, as a tokenizer before it sends them. Watch the counts change with
-- SELECT * FROM word_counts EMIT CHANGES; while words come in.

CREATE STREAM words (
  speaker STRING KEY, word STRING
) WITH (KAFKA_TOPIC = 'words', VALUE_FORMAT = 'JSON', PARTITIONS = 2);

CREATE TABLE word_counts AS
  SELECT word, COUNT(*) AS occurrences FROM words GROUP BY word EMIT CHANGES;

CREATE TABLE words_per_minute AS
  SELECT word, COUNT(*) AS occurrences
  FROM words WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY word EMIT CHANGES;

INSERT INTO words (speaker, word) VALUES
  ('ann', 'to'), ('ann', 'be'), ('ann', 'or'), ('ann', 'not'), ('ann', 'to'), ('ann', 'be'),
  ('bob', 'let'), ('bob', 'it'), ('bob', 'be');

SELECT word, occurrences FROM word_counts ORDER BY occurrences DESC, word LIMIT 3;
-- expect: be 3, to 2, it 1
