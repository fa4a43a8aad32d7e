"""What clients see when they look around."""

import asyncio

import pytest
from sources import created


@pytest.fixture
def table(connection):
    columns = "region STRING PRIMARY KEY, total BIGINT, tags ARRAY<STRING>, place STRUCT<city STRING>"
    with created(connection, "TABLE", columns) as name:
        yield name


@pytest.mark.parametrize("command", ["\\d", "\\dt", "\\dt+", "\\dv", "\\dm", "\\di", "\\ds", "\\df", "\\dn", "\\l", "\\du",
                                     "\\dT", "\\dx", "\\dp", "\\db", "\\dO", "\\dF", "\\dL", "\\dA", "\\dconfig work_mem"])
def test_psql_backslash_commands_run(psql, stream, command):
    assert psql(command + "\n").stderr == ""


def test_psql_lists_streams_and_tables(psql, stream, table):
    lines = psql("\\dt\n").stdout.splitlines()
    assert f"public|{stream}|table|ada" in lines
    assert f"public|{table}|table|ada" in lines
    assert any(line.startswith("mill|ada|UTF8") for line in psql("\\l\n").stdout.splitlines())
    assert psql("\\dn\n").stdout.split() == ["public|ada"]


def test_psql_describes_columns_and_key(psql, table):
    output = psql(f"\\pset tuples_only off\n\\d {table}\n").stdout
    assert f'Table "public.{table}"' in output
    assert "region|text||not null|" in output
    assert "total|bigint|||" in output
    assert "tags|text[]|||" in output
    assert "place|jsonb|||" in output
    assert f'"{table}_pkey" PRIMARY KEY, key (region)' in output


def test_psql_lists_functions_with_what_they_take_and_give(psql):
    lines = psql("\\df\n").stdout.splitlines()
    assert "public|sum|bigint|value bigint|agg" in lines
    assert "public|count|bigint||agg" in lines
    assert "public|topk|anyarray|value anyelement, k integer|agg" in lines
    assert "public|latest_by_offset|anyelement|value anyelement|agg" in lines
    assert "The greatest value." in psql("\\df+ max\n").stdout
    assert psql("\\da avg\n").stdout.splitlines()[0].startswith("public|avg|double precision|")


def test_psql_lists_functions_of_ones_own(psql, connection):
    connection.execute("CREATE FUNCTION twice_as_much(amount INT) RETURNS BIGINT AS 'amount * 2'")
    try:
        assert psql("\\df twice_as_much\n").stdout.splitlines() == ["public|twice_as_much|bigint|amount integer|func"]
        assert "amount * 2" in psql("\\df+ twice_as_much\n").stdout
    finally:
        connection.execute("DROP FUNCTION twice_as_much")


def test_a_name_is_completed_and_described_whatever_its_case(psql, connection):
    with created(connection, "STREAM", "id INT") as name:
        assert f'Table "public.{name}"' in psql(f"\\pset tuples_only off\n\\d {name.upper()}\n").stdout


def test_the_standards_views(connection, table):
    rows = connection.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name = %s ORDER BY ordinal_position",
        (table,),
    ).fetchall()
    assert rows == [("region", "text", "NO"), ("total", "bigint", "YES"), ("tags", "ARRAY", "YES"), ("place", "jsonb", "YES")]


def test_asyncpg_introspects_types_and_resets_its_session(connect_async):
    async def work():
        connection = await connect_async()
        try:
            row = await connection.fetchrow("SELECT typname FROM pg_type WHERE oid = ANY ($1::oid[])", [23])
            assert row["typname"] == "int4"
            await connection.reset()
        finally:
            await connection.close()

    asyncio.run(work())


def test_a_driver_finds_the_primary_key(connection, table):
    rows = connection.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indrelid = %s::regclass AND i.indisprimary",
        (table,),
    ).fetchall()
    assert rows == [("region",)]
