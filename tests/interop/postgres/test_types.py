"""Every type, as text and as binary."""

import asyncio
import datetime
import json
from decimal import Decimal

import pytest
from sources import created

VALUES = [
    ("CAST(true AS BOOLEAN)", True),
    ("CAST(-7 AS INT)", -7),
    ("CAST(9007199254740993 AS BIGINT)", 9007199254740993),
    ("CAST(0.1 AS DOUBLE)", 0.1),
    ("CAST(1e300 AS DOUBLE)", 1e300),
    ("CAST('123456789.0100' AS DECIMAL(20, 4))", Decimal("123456789.0100")),
    ("CAST('-0.05' AS DECIMAL(5, 2))", Decimal("-0.05")),
    ("CAST('grüße' AS STRING)", "grüße"),
    ("CAST('' AS STRING)", ""),
    ("CAST('2026-11-21' AS DATE)", datetime.date(2026, 11, 21)),
    ("CAST('12:34:56.789' AS TIME)", datetime.time(12, 34, 56, 789000)),
    ("CAST('2026-11-21T12:34:56.789' AS TIMESTAMP)", datetime.datetime(2026, 11, 21, 12, 34, 56, 789000)),
    ("ARRAY[1, 2, 3]", [1, 2, 3]),
    ("ARRAY['a b', 'c\"d', '']", ["a b", 'c"d', ""]),
    ("CAST(NULL AS INT)", None),
]


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize("expression, expected", VALUES, ids=[expression for expression, _ in VALUES])
def test_a_value_of_each_type(connection, expression, expected, binary):
    assert connection.execute(f"SELECT {expression}", binary=binary).fetchone() == (expected,)


@pytest.mark.parametrize("expression, expected", VALUES, ids=[expression for expression, _ in VALUES])
def test_a_value_of_each_type_through_asyncpg(connect_async, expression, expected):
    async def work():
        connection = await connect_async()
        try:
            assert await connection.fetchval(f"SELECT {expression}") == expected
        finally:
            await connection.close()

    asyncio.run(work())


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_nested_values_are_json(connection, binary):
    columns = "m MAP<STRING, INT>, s STRUCT<a INT, b STRING>, l ARRAY<STRUCT<a INT>>, b BYTES"
    with created(connection, "STREAM", columns) as name:
        connection.execute(
            f"INSERT INTO {name} (m, s, l, b)"
            " VALUES (MAP('k' := 1), STRUCT(a := 1, b := 'x'), ARRAY[STRUCT(a := 2)], %s)",
            (b"\x01\x02\xff",),
        )
        row = connection.execute(f"SELECT m, s, l, b FROM {name}", binary=binary).fetchone()
        assert row == ({"k": 1}, {"A": 1, "B": "x"}, [{"A": 2}], b"\x01\x02\xff")


def test_asyncpg_reads_nested_values_and_bytes(connect_async, connection):
    columns = "m MAP<STRING, INT>, l ARRAY<STRING>, b BYTES, d DECIMAL(10, 2)"
    with created(connection, "STREAM", columns) as name:
        connection.execute(
            f"INSERT INTO {name} (m, l, b, d) VALUES (MAP('k' := 1), ARRAY['x', NULL], %s, -0.10)",
            (b"\x01\x02\xff",),
        )

        async def work():
            reader = await connect_async()
            try:
                row = await reader.fetchrow(f"SELECT m, l, b, d FROM {name}")
                assert json.loads(row["m"]) == {"k": 1}
                assert (row["l"], row["b"], row["d"]) == (["x", None], b"\x01\x02\xff", Decimal("-0.10"))
            finally:
                await reader.close()

        asyncio.run(work())


PARAMETERS = [
    ("BOOLEAN", True),
    ("INT", -7),
    ("BIGINT", 2**62),
    ("DOUBLE", 0.1),
    ("DECIMAL(20, 4)", Decimal("-123456789.0100")),
    ("STRING", "grüße"),
    ("BYTES", b"\x01\x02\xff"),
    ("DATE", datetime.date(2026, 11, 21)),
    ("TIME", datetime.time(12, 34, 56, 789000)),
    ("TIMESTAMP", datetime.datetime(2026, 11, 21, 12, 34, 56, 789000)),
    ("STRING", None),
]


@pytest.mark.parametrize("sql_type, value", PARAMETERS, ids=[f"{kind} {value}" for kind, value in PARAMETERS])
def test_a_parameter_of_each_type_goes_in_and_comes_out(connection, connect_async, sql_type, value):
    with created(connection, "STREAM", f"id INT, v {sql_type}") as name:
        for number, placeholder in enumerate(("%s", "%b", "%t")):
            if value is not None or placeholder == "%s":
                connection.execute(f"INSERT INTO {name} (id, v) VALUES ({number}, {placeholder})", (value,))
                found = connection.execute(f"SELECT v FROM {name} WHERE id = {number}").fetchall()
                assert found == [(value,)], placeholder
        if value is not None:
            rows = connection.execute(f"SELECT id FROM {name} WHERE v = %s", (value,)).fetchall()
            assert len(rows) == 3

            async def work():
                reader = await connect_async()
                try:
                    assert len(await reader.fetch(f"SELECT id FROM {name} WHERE v = $1", value)) == 3
                finally:
                    await reader.close()

            asyncio.run(work())


def test_a_query_without_columns(connection):
    cursor = connection.execute("SELECT FROM pg_am")
    assert cursor.description == []
    assert cursor.rowcount == 3
