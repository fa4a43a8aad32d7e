CREATE STREAM S (K STRING KEY, ID INT, AMOUNT BIGINT, PRICE DECIMAL(6, 2), NAME STRING, RATE DOUBLE, TS TIMESTAMP)
  WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON');

## every column passes
CREATE STREAM OUT AS SELECT * FROM S;
----
Stream OUT on OUT/1, key KAFKA, value JSON
  K STRING KEY
  ID INTEGER
  AMOUNT BIGINT
  PRICE DECIMAL(6, 2)
  NAME STRING
  RATE DOUBLE
  TS TIMESTAMP
Stream keyed by [K]
  Projection: S.K AS K, S.ID AS ID, S.AMOUNT AS AMOUNT, S.PRICE AS PRICE, S.NAME AS NAME, S.RATE AS RATE, S.TS AS TS
    TableScan: S projection=[K, ID, AMOUNT, PRICE, NAME, RATE, TS]

## only needed columns are scanned, and a comparison in WHERE stands as it is
CREATE STREAM OUT AS SELECT K, AMOUNT * 2 AS TWICE, NAME FROM S WHERE ID > 10 AND NAME <> 'x';
----
Stream OUT on OUT/1, key KAFKA, value JSON
  K STRING KEY
  TWICE BIGINT
  NAME STRING
Stream keyed by [K]
  Projection: S.K AS K, S.AMOUNT * Int64(2) AS TWICE, S.NAME AS NAME
    Filter: S.ID > Int32(10) AND S.NAME != Utf8("x")
      TableScan: S projection=[K, ID, AMOUNT, NAME]

## elsewhere a comparison with NULL is false
CREATE STREAM OUT AS SELECT K, ID > 10, NOT (ID = 1), ID IS DISTINCT FROM 1 FROM S;
----
Stream OUT on OUT/1, key KAFKA, value JSON
  K STRING KEY
  KSQL_COL_0 BOOLEAN
  KSQL_COL_1 BOOLEAN
  KSQL_COL_2 BOOLEAN
Stream keyed by [K]
  Projection: S.K AS K, S.ID > Int32(10) IS TRUE AS KSQL_COL_0, NOT S.ID = Int32(1) IS TRUE AS KSQL_COL_1, S.ID IS DISTINCT FROM Int32(1) AS KSQL_COL_2
    TableScan: S projection=[K, ID]

## a push query keeps the order of its projection and needs no key
SELECT ID, K, ROWTIME FROM S EMIT CHANGES LIMIT 3;
----
Stream keyed by [K], limit 3
  Projection: S.ID AS ID, S.K AS K, S.ROWTIME AS ROWTIME
    TableScan: S projection=[K, ID, ROWTIME]

## aliases of sources qualify columns
SELECT X.ID, X.NAME FROM S AS X WHERE X.K = 'a' EMIT CHANGES;
----
Stream keyed by []
  Projection: X.ID AS ID, X.NAME AS NAME
    Filter: X.K = Utf8("a")
      SubqueryAlias: X
        TableScan: S projection=[K, ID, NAME]

## division and remainder of whole numbers are the engine's
SELECT ID / 2 AS A, ID % 2 AS B, AMOUNT / ID AS C, RATE / 2 AS D, RATE % 2 AS E FROM S EMIT CHANGES;
----
Stream keyed by []
  Projection: tidemill_divide(S.ID, Int32(2)) AS A, tidemill_modulo(S.ID, Int32(2)) AS B, tidemill_divide(S.AMOUNT, CAST(S.ID AS Int64)) AS C, S.RATE / Float64(2) AS D, S.RATE % Float64(2) AS E
    TableScan: S projection=[ID, AMOUNT, RATE]

## arithmetic on decimals is the engine's
SELECT PRICE + 1 AS A, PRICE * 2.5 AS B, PRICE / ID AS C, PRICE - RATE AS D FROM S EMIT CHANGES;
----
Stream keyed by []
  Projection: tidemill_decimal_add(S.PRICE, Decimal128(1,10,0)) AS A, tidemill_decimal_multiply(S.PRICE, Decimal128(2.5,2,1)) AS B, tidemill_decimal_divide(S.PRICE, CAST(S.ID AS Decimal128(10, 0))) AS C, tidemill_cast(S.PRICE, Float64(NULL)) - S.RATE AS D
    TableScan: S projection=[ID, PRICE, RATE]

## text is concatenated
SELECT NAME + '-' + K AS A, NAME || K AS B FROM S EMIT CHANGES;
----
Stream keyed by []
  Projection: S.NAME || Utf8("-") || S.K AS A, S.NAME || S.K AS B
    TableScan: S projection=[K, NAME]

## times are compared with text
SELECT ID FROM S WHERE ROWTIME >= '2020-01-01' AND TS < '2021-02-03T04:05:06' EMIT CHANGES;
----
Stream keyed by []
  Projection: S.ID AS ID
    Filter: S.ROWTIME >= Int64(1577836800000) AND S.TS < TimestampMillisecond(1612325106000, None)
      TableScan: S projection=[ID, TS, ROWTIME]

## IN takes a common type
SELECT ID FROM S WHERE ID IN (1, '2', 3.5) AND NAME NOT IN ('a', NULL) EMIT CHANGES;
----
Stream keyed by []
  Projection: S.ID AS ID
    Filter: CAST(S.ID AS Decimal128(11, 1)) IN ([Decimal128(1.0,11,1), tidemill_cast(Utf8("2"), Decimal128(NULL,11,1)), Decimal128(3.5,11,1)]) AND NOT S.NAME IN ([Utf8("a")]) IS TRUE
      TableScan: S projection=[ID, NAME]

## BETWEEN and LIKE
SELECT ID FROM S WHERE AMOUNT BETWEEN ID AND 100 AND NAME LIKE '50!%%' ESCAPE '!' EMIT CHANGES;
----
Stream keyed by []
  Projection: S.ID AS ID
    Filter: S.AMOUNT BETWEEN CAST(S.ID AS Int64) AND Int64(100) AND S.NAME LIKE Utf8("50\%%")
      TableScan: S projection=[ID, AMOUNT, NAME]

## CASE
SELECT CASE WHEN ID < 10 THEN 'few' WHEN NAME IS NULL THEN NULL ELSE 'many' END AS C, CASE ID WHEN 1 THEN 2 END AS D FROM S EMIT CHANGES;
----
Stream keyed by []
  Projection: CASE WHEN S.ID < Int32(10) THEN Utf8("few") WHEN S.NAME IS NULL THEN Utf8(NULL) ELSE Utf8("many") END AS C, CASE WHEN S.ID = Int32(1) THEN Int32(2) END AS D
    TableScan: S projection=[ID, NAME]

## casts that cannot fail are Arrow's
SELECT CAST(ID AS BIGINT) AS A, CAST(ID AS DOUBLE) AS B, CAST(NAME AS INT) AS C, CAST(NULL AS STRING) AS D, CAST(PRICE AS DECIMAL(8, 3)) AS E FROM S EMIT CHANGES;
----
Stream keyed by []
  Projection: CAST(S.ID AS Int64) AS A, CAST(S.ID AS Float64) AS B, tidemill_cast(S.NAME, Int32(NULL)) AS C, Utf8(NULL) AS D, CAST(S.PRICE AS Decimal128(8, 3)) AS E
    TableScan: S projection=[ID, PRICE, NAME]
