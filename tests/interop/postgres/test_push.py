"""Queries that have no end: rows come one by one, and the query ends with the client's interest."""

import asyncio
import contextlib
import os
import pty
import signal
import subprocess
import threading
import time

import psycopg
import pytest
from sources import insert

from harness import PATIENCE_S, eventually


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


def running(shared_server):
    return shared_server.metric("tidemill_push_queries_running")


@pytest.mark.parametrize("leave", ["close", "cancel", "limit", "killed"])
def test_a_query_ends_on_the_server_when_its_client_leaves(connect, shared_server, stream, leave):
    eventually(lambda: running(shared_server) == 0)
    reader = connect()
    from_the_beginning(reader)
    rows = reader.cursor().stream(changes(stream) + (" LIMIT 3" if leave == "limit" else ""))
    assert next(rows) == (1,)
    if leave == "close":
        reader.close()
    elif leave == "cancel":
        assert running(shared_server) == 1
        reader.cancel()
        with pytest.raises(psycopg.errors.QueryCanceled):
            list(rows)
    elif leave == "limit":
        assert list(rows) == [(2,), (3,)]
    else:
        # As when the machine of the client goes: no message, no orderly end.
        os.close(reader.fileno())
    eventually(lambda: running(shared_server) == 0)
    if leave in ("cancel", "limit"):
        assert reader.execute("SELECT 1").fetchone() == (1,)


def test_a_query_without_rows_ends_on_the_server_when_its_client_leaves(raw_query, shared_server, stream):
    eventually(lambda: running(shared_server) == 0)
    opened = raw_query(f"SELECT id FROM {stream} WHERE id < 0 EMIT CHANGES")
    eventually(lambda: running(shared_server) == 1)
    opened.close()
    eventually(lambda: running(shared_server) == 0)


@pytest.fixture
def terminal(address):
    """psql as people have it, at a terminal: its process, a function to type and one to read what is shown."""
    host, port = address
    ours, its = pty.openpty()
    command = ["psql", "-X", "-q", "-At", "-n", "-h", host, "-p", str(port), "-U", "ada", "-d", "mill"]
    psql = subprocess.Popen(command, stdin=its, stdout=its, stderr=its)
    os.close(its)
    os.set_blocking(ours, False)
    shown = []

    def type_line(text):
        os.write(ours, text.encode() + b"\n")

    def shows(text):
        # Nothing has come yet, or psql has gone.
        with contextlib.suppress(OSError):
            shown.append(os.read(ours, 65536).decode(errors="replace"))
        return text in "".join(shown)

    yield psql, type_line, shows
    psql.kill()
    psql.wait()
    os.close(ours)


def test_ctrl_c_ends_the_query_and_not_psql(terminal, shared_server, stream):
    eventually(lambda: running(shared_server) == 0)
    psql, type_line, shows = terminal
    eventually(lambda: shows("mill="))
    type_line(f"SELECT id FROM {stream} WHERE id < 0 EMIT CHANGES;")
    eventually(lambda: running(shared_server) == 1)
    psql.send_signal(signal.SIGINT)
    eventually(lambda: shows("canceling statement due to user request"))
    type_line("SELECT 'still ' || 'here';")
    eventually(lambda: shows("still here"))
    assert running(shared_server) == 0


def test_psql_is_told_how_to_see_rows_as_they_come(connection, psql, stream):
    finished = psql(f"SET 'auto.offset.reset' = 'earliest';\nSELECT id FROM {stream} EMIT CHANGES LIMIT 1;\n")
    assert "push query" in finished.stderr
    assert finished.stdout.split() == ["1"]


def test_a_query_tells_where_it_begins_unless_that_was_said(connection, stream):
    told = []
    connection.add_notice_handler(lambda diagnostic: told.append(diagnostic.message_primary))
    connection.execute(f"DECLARE from_now_on CURSOR WITH HOLD FOR {changes(stream)}")
    assert len(told) == 1 and "written from now on" in told[0] and "'auto.offset.reset' = 'earliest'" in told[0]
    for said in ["earliest", "latest"]:
        connection.execute(f"SET 'auto.offset.reset' = '{said}'")
        connection.execute(f"DECLARE from_{said} CURSOR WITH HOLD FOR {changes(stream)}")
    assert len(told) == 1
