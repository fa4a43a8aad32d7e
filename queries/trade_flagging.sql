-- Trade flagging in a game: a trade is flagged when its amount is far above the player's average and it
-- comes from an address that is not among the player's last 20 logins.

CREATE STREAM logins (
  player STRING KEY, address STRING
) WITH (KAFKA_TOPIC = 'logins', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM trades (
  player STRING KEY, trade_id BIGINT, amount DOUBLE, address STRING
) WITH (KAFKA_TOPIC = 'trades', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

-- What each player usually trades.
CREATE TABLE usual_trades AS
  SELECT player, AVG(amount) AS average, COUNT(*) AS trades_count
  FROM trades GROUP BY player EMIT CHANGES;

-- Where each player has been lately.
CREATE TABLE recent_logins AS
  SELECT player, LATEST_BY_OFFSET(address, 20) AS addresses
  FROM logins GROUP BY player EMIT CHANGES;

-- Trades of more than three times the average, whether or not the average has seen them already.
CREATE STREAM large_trades AS
  SELECT t.player AS player, t.trade_id AS trade_id, t.amount AS amount, t.address AS address,
         u.average AS average
  FROM trades t JOIN usual_trades u ON t.player = u.player
  WHERE t.amount > 3 * u.average EMIT CHANGES;

-- The same with the addresses the player was known by at that moment; none for a player who has never
-- logged in.
CREATE STREAM suspects AS
  SELECT s.player AS player, s.trade_id AS trade_id, s.amount AS amount, s.address AS address,
         l.addresses AS addresses
  FROM large_trades s LEFT JOIN recent_logins l ON s.player = l.player EMIT CHANGES;

INSERT INTO logins (player, address) VALUES
  ('ann', '10.0.0.1'), ('ann', '10.0.0.2'), ('bob', '10.0.1.1');
INSERT INTO trades (player, trade_id, amount, address) VALUES
  ('ann', 1, 10.0, '10.0.0.1'), ('ann', 2, 12.0, '10.0.0.1'), ('ann', 3, 8.0, '10.0.0.2'),
  ('ann', 4, 10.0, '10.0.0.1'), ('ann', 5, 10.0, '10.0.0.2'), ('bob', 6, 5.0, '10.0.1.1'),
  ('bob', 7, 5.0, '10.0.1.1'), ('bob', 8, 5.0, '10.0.1.1'), ('bob', 9, 5.0, '10.0.1.1'),
  ('eve', 10, 1.0, '198.51.100.7'), ('eve', 11, 1.0, '198.51.100.7'), ('eve', 12, 1.0, '198.51.100.7'),
  ('eve', 13, 1.0, '198.51.100.7');

-- A trade is judged by what is known when it comes: this is known now.
SELECT u.player, u.average, cardinality(l.addresses) AS addresses_count
FROM usual_trades u LEFT JOIN recent_logins l ON u.player = l.player ORDER BY u.player;
-- expect: ann 10 2, bob 5 1, eve 1 null

-- Large from an unknown address, as large from home, not large from an unknown address, and large from
-- somebody who has never logged in.
INSERT INTO trades (player, trade_id, amount, address) VALUES
  ('ann', 100, 900.0, '203.0.113.9'), ('bob', 101, 400.0, '10.0.1.1'),
  ('ann', 102, 11.0, '203.0.113.9'), ('eve', 103, 70.0, '198.51.100.7');

-- The flagged trades.
SELECT player, trade_id, amount, address FROM suspects
WHERE addresses IS NULL OR NOT array_has(addresses, address) ORDER BY trade_id;
-- expect: ann 100 900 203.0.113.9, eve 103 70 198.51.100.7
