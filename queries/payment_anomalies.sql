-- Anomaly detection in payments: a payment is suspect when it lies far outside of what the card usually pays,
-- or when the card is used in two countries within ten minutes.

CREATE STREAM payments (
  card STRING KEY, payment_id BIGINT, amount DOUBLE, country STRING, paid_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'paid_at');

CREATE STREAM other_payments (
  card STRING KEY, payment_id BIGINT, amount DOUBLE, country STRING, paid_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'payments', VALUE_FORMAT = 'JSON', TIMESTAMP = 'paid_at');

-- What is usual for each card: its mean payment and how far payments lie from it.
CREATE TABLE usual_payments AS
  SELECT card, COUNT(*) AS payments_count, AVG(amount) AS mean, STDDEV_SAMPLE(amount) AS deviation
  FROM payments GROUP BY card EMIT CHANGES;

-- More than twice the deviation above the mean, the payment itself included, from the fifth payment on.
CREATE STREAM large_payments AS
  SELECT p.card AS card, p.payment_id AS payment_id, p.amount AS amount, u.mean AS mean
  FROM payments p JOIN usual_payments u ON p.card = u.card
  WHERE u.payments_count >= 5 AND p.amount > u.mean + 2 * u.deviation EMIT CHANGES;

-- The second of two payments from different countries.
CREATE STREAM travelling_cards AS
  SELECT a.card AS card, b.payment_id AS payment_id, a.country AS first_country, b.country AS second_country
  FROM payments a JOIN other_payments b WITHIN (0 SECONDS, 10 MINUTES) GRACE PERIOD 1 MINUTE
    ON a.card = b.card
  WHERE a.country <> b.country EMIT CHANGES;

INSERT INTO payments (card, payment_id, amount, country, paid_at) VALUES
  ('4711', 1, 20.0, 'NL', '2026-03-01T08:00:00.000'), ('4711', 2, 22.0, 'NL', '2026-03-01T09:00:00.000'),
  ('4711', 3, 18.0, 'NL', '2026-03-01T10:00:00.000'), ('4711', 4, 21.0, 'NL', '2026-03-01T11:00:00.000'),
  ('4711', 5, 19.0, 'NL', '2026-03-01T12:00:00.000'), ('4711', 6, 20.0, 'NL', '2026-03-01T13:00:00.000'),
  ('0815', 7, 50.0, 'DE', '2026-03-01T13:01:00.000');

SELECT card, payments_count, mean FROM usual_payments ORDER BY card;
-- expect: 0815 1 50, 4711 6 20

INSERT INTO payments (card, payment_id, amount, country, paid_at) VALUES
  ('0815', 8, 55.0, 'BR', '2026-03-01T13:05:00.000'), ('4711', 9, 900.0, 'NL', '2026-03-01T14:00:00.000');

SELECT card, payment_id, first_country, second_country FROM travelling_cards;
-- expect: 0815 8 DE BR

SELECT card, payment_id, amount FROM large_payments;
-- expect: 4711 9 900
