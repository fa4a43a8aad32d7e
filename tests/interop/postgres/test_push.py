"""Queries that have no end: rows come one by one, and the query ends with the client's interest."""

import asyncio
import threading
import time

import psycopg
import pytest
from sources import insert


def changes(name):
    return f"SELECT id FROM {name} EMIT CHANGES"


def from_the_beginning(connection):
    connection.execute("SET 'auto.offset.reset' = 'earliest'")


def test_rows_arrive_while_the_query_runs(connection, connect, stream):
    with connect() as reader:
        from_the_beginning(reader)
        rows = reader.cursor().stream(changes(stream))
        assert [next(rows)[0] for _ in range(3)] == [1, 2, 3]
        for number in (4, 5):
            insert(connection, stream, number)
            assert next(rows) == (number,)
        rows.close()


def test_a_limit_ends_the_query(connection, stream):
    from_the_beginning(connection)
    cursor = connection.execute(f"SELECT id FROM {stream} EMIT CHANGES LIMIT 2")
    assert cursor.fetchall() == [(1,), (2,)]
    assert cursor.statusmessage == "SELECT 2"


def test_a_cancel_request_ends_the_query(connection, connect, stream):
    with connect() as reader:
        from_the_beginning(reader)
        rows = reader.cursor().stream(changes(stream))
        next(rows)
        reader.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            for _ in rows:
                pass
        assert reader.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_request_ends_a_query_that_has_given_nothing(connect, stream):
    with connect() as reader:
        timer = threading.Timer(0.2, reader.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            reader.execute(f"SELECT id FROM {stream} WHERE id < 0 EMIT CHANGES")
        timer.join()


def test_statement_timeout_ends_the_query(connect, stream):
    with connect() as reader:
        reader.execute("SET statement_timeout = '200ms'")
        started = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled) as caught:
            reader.execute(f"SELECT id FROM {stream} WHERE id < 0 EMIT CHANGES")
        assert "timeout" in caught.value.diag.message_primary
        assert time.monotonic() - started < 10


def test_a_portal_gives_each_row_when_it_exists(connection, connect_async, stream):
    async def work():
        reader = await connect_async()
        try:
            await reader.execute("SET 'auto.offset.reset' = 'earliest'")
            async with reader.transaction():
                seen = []
                async for row in reader.cursor(changes(stream), prefetch=10):
                    seen.append(row["id"])
                    if len(seen) == 3:
                        insert(connection, stream, 4)
                    if len(seen) == 4:
                        break
                assert seen == [1, 2, 3, 4]
        finally:
            reader.terminate()

    asyncio.run(asyncio.wait_for(work(), 20))


def test_a_client_that_waits_with_a_timeout_can_go_on(connect_async, stream):
    async def work():
        reader = await connect_async()
        try:
            with pytest.raises(asyncio.TimeoutError):
                await reader.fetch(f"SELECT id FROM {stream} WHERE id < 0 EMIT CHANGES", timeout=0.3)
            assert await reader.fetchval("SELECT 1") == 1
        finally:
            reader.terminate()

    asyncio.run(asyncio.wait_for(work(), 20))


def test_psql_is_told_how_to_see_rows_as_they_come(connection, psql, stream):
    finished = psql(f"SET 'auto.offset.reset' = 'earliest';\nSELECT id FROM {stream} EMIT CHANGES LIMIT 1;\n")
    assert "push query" in finished.stderr
    assert finished.stdout.split() == ["1"]
