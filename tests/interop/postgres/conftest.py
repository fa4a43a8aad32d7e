"""Postgres clients against a running server: psycopg 3, asyncpg and psql.

Every test makes what it needs under names of its own and drops it again, so tests can run in any order, and
against a server that is used: TIDEMILL_POSTGRES (host:port) names one; without it the tests' own server is
taken.
"""

import os
import socket
import subprocess

import asyncpg
import psycopg
import pytest
from sources import created
from wire import message, read_until_ready, startup_packet


@pytest.fixture(scope="session")
def address(request):
    """Host and port of the server."""
    given = os.environ.get("TIDEMILL_POSTGRES")
    if given:
        host, _, port = given.rpartition(":")
        return host, int(port)
    return "127.0.0.1", request.getfixturevalue("shared_server").ports["postgres"]


@pytest.fixture(scope="session")
def connect(address):
    """Opens psycopg connections: autocommit, unless said otherwise."""

    def open_connection(**options):
        host, port = address
        options = {"user": "ada", "dbname": "mill", "autocommit": True, **options}
        return psycopg.connect(host=host, port=port, **options)

    return open_connection


@pytest.fixture
def connection(connect):
    with connect() as open_connection:
        yield open_connection


@pytest.fixture
def connect_async(address):
    """Opens asyncpg connections."""
    host, port = address

    async def open_connection(**options):
        return await asyncpg.connect(host=host, port=port, user="ada", database="mill", ssl=False, **options)

    return open_connection


@pytest.fixture
def psql(address):
    """Runs psql with a script and returns its output; fails where psql does."""
    host, port = address

    def run(script, *arguments, check=True, timeout=30):
        command = ["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", host, "-p", str(port), "-U", "ada", "-d", "mill", *arguments]
        finished = subprocess.run(command, input=script, capture_output=True, text=True, timeout=timeout)
        if check:
            assert finished.returncode == 0, finished.stderr
        return finished

    return run


@pytest.fixture
def raw(address):
    """A socket to the server; started as a session unless said otherwise."""
    sockets = []

    def open_socket(start=True):
        opened = socket.create_connection(address, timeout=15)
        sockets.append(opened)
        if start:
            opened.sendall(startup_packet(user="ada", database="mill"))
            read_until_ready(opened)
        return opened

    yield open_socket
    for opened in sockets:
        opened.close()


@pytest.fixture
def raw_query(raw):
    """Sends a statement and does not wait for its answer."""

    def raw_query(text):
        opened = raw()
        opened.sendall(message(b"Q", text.encode() + b"\0"))
        return opened

    return raw_query


@pytest.fixture
def stream(connection):
    """A stream of orders with three rows; its name."""
    with created(connection, "STREAM", "id INT, customer STRING, amount DECIMAL(10, 2)") as name:
        connection.execute(
            f"INSERT INTO {name} (id, customer, amount) VALUES (1, 'ada', 1.50), (2, 'bob', 2.25), (3, NULL, 0.10)"
        )
        yield name
