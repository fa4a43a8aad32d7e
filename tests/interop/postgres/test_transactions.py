"""Transaction blocks: accepted, with Postgres' states."""

import psycopg
import pytest
from psycopg.pq import TransactionStatus


def status(connection):
    return connection.info.transaction_status


def test_a_block_opens_and_ends(connection):
    connection.execute("BEGIN")
    assert status(connection) == TransactionStatus.INTRANS
    assert connection.execute("COMMIT").statusmessage == "COMMIT"
    assert status(connection) == TransactionStatus.IDLE


def test_a_failed_block_takes_only_its_end(connection):
    connection.execute("BEGIN")
    with pytest.raises(psycopg.Error):
        connection.execute("SELECT * FROM nowhere_at_all")
    assert status(connection) == TransactionStatus.INERROR
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        connection.execute("SELECT 1")
    assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
    assert status(connection) == TransactionStatus.IDLE


def test_a_savepoint_makes_a_failed_block_usable_again(connection):
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT here")
    with pytest.raises(psycopg.Error):
        connection.execute("SELECT * FROM nowhere_at_all")
    connection.execute("ROLLBACK TO SAVEPOINT here")
    assert connection.execute("SELECT 1").fetchone() == (1,)
    connection.execute("RELEASE here")
    connection.execute("COMMIT")


def test_psycopg_manages_transactions(connect):
    with connect(autocommit=False) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.rollback()
        with connection.transaction():
            connection.execute("SELECT 1")
        assert status(connection) == TransactionStatus.IDLE


def test_a_rollback_says_that_changes_stay(connection, stream):
    notices = []
    connection.add_notice_handler(lambda diagnostic: notices.append(diagnostic.message_primary))
    connection.execute("BEGIN")
    connection.execute(f"INSERT INTO {stream} (id) VALUES (9)")
    connection.execute("ROLLBACK")
    assert any("stays changed" in notice for notice in notices)
