"""What the REPL does in a terminal."""

from orders import INSERT, ORDERS
from terminal import CTRL_C, CTRL_D, PROMPT, TAB, UP

TABLE = """\
 customer    | amount
-------------+--------
 ann         |     40
 bartholomew |    250
(2 rows)
"""


def test_answers_are_aligned_tables(repl):
    terminal = repl()
    assert "created" in terminal.answer(ORDERS).lower()
    assert terminal.answer(INSERT) == "INSERT 0 2\n"
    assert terminal.answer("SELECT customer, amount FROM orders;") == TABLE
    terminal.press(CTRL_D)
    assert terminal.ended() == 0


def test_a_statement_may_take_several_lines(repl):
    terminal = repl()
    terminal.press("SELECT 1\r")
    terminal.press("  + 2 AS three\r")
    terminal.press(";\r")
    terminal.expect(r" three\n-------\n     3\n\(1 row\)\n")


def test_statements_are_remembered_from_one_start_to_the_next(repl):
    terminal = repl()
    terminal.answer("SELECT 4711 AS remembered;")
    terminal.press(CTRL_D)
    assert terminal.ended() == 0
    terminal = repl()
    terminal.press(UP + "\r")
    terminal.expect(r"\n remembered\n-+\n +4711\n")


def test_the_tab_key_completes_keywords_and_names(repl):
    terminal = repl()
    terminal.answer(ORDERS)
    terminal.answer(INSERT)
    terminal.press("sel" + TAB + " custo" + TAB + " from ord" + TAB + ";\r")
    terminal.expect(r"select customer from orders;\s*\n customer\n-+\n ann\n bartholomew\n")


def test_the_tab_key_lists_what_could_be_meant(repl):
    terminal = repl()
    terminal.press("SHOW QU" + TAB + TAB)
    terminal.expect("QUERIES")


def test_statements_are_coloured_while_they_are_typed(repl):
    terminal = repl()
    terminal.answer("SELECT 'text' AS a;")
    assert b"\x1b[1;34mSELECT\x1b[0m" in terminal.raw
    assert b"\x1b[32m'text'\x1b[0m" in terminal.raw


def test_rows_of_a_query_without_an_end_come_live_until_ctrl_c_ends_it(repl, server, tmp_path):
    terminal = repl("--connect", f"postgres://127.0.0.1:{server.ports['postgres']}")
    terminal.answer(ORDERS)
    terminal.answer(INSERT)
    terminal.answer("SET 'auto.offset.reset' = 'earliest';")
    terminal.enter("SELECT customer, amount FROM orders EMIT CHANGES;")
    terminal.expect(r" ann         \|     40\n bartholomew \|    250\n")
    for number in range(3):
        server.sql(f"INSERT INTO orders VALUES ('live', 'row', {number}.5)")
        terminal.expect(rf"^ live        \|    {number}.5\n")
    terminal.press(CTRL_C)
    terminal.expect(PROMPT)
    assert terminal.answer("SELECT 1 AS still_there;").startswith(" still_there\n")


def test_a_query_that_begins_with_what_comes_says_so_once(repl):
    terminal = repl()
    terminal.answer(ORDERS)
    for told in [True, False]:
        terminal.enter("SELECT customer, amount FROM orders EMIT CHANGES;")
        terminal.expect(r"-+\+-+\n")
        assert ("NOTICE: the query begins with records that are written from now on" in terminal.shown) and (
            terminal.shown.count("NOTICE") == 1
        ), told
        terminal.press(CTRL_C)
        terminal.expect(f"the query was ended\n{PROMPT}")


def test_answers_wider_than_the_terminal_are_records_with_whole_values(repl):
    terminal = repl()
    item = "x" * 200
    query = "SELECT 'ann' AS customer, repeat('x', 200) AS item;"
    shown = terminal.answer(query)
    assert shown.startswith("-[ RECORD 1 ]---") and f"customer | ann\nitem     | {item}\n" in shown
    assert terminal.answer("\\x off") == "Expanded display is off.\n"
    assert f" ann      | {item}\n" in terminal.answer(query)
    terminal.press("\\x a" + TAB + "\r")
    terminal.expect("Expanded display is used where rows are wider than the terminal")
    assert terminal.answer("SELECT 2 AS two, 3 AS three;").startswith(" two | three\n")


def test_ctrl_c_ends_the_query_and_not_the_repl(repl):
    terminal = repl()
    terminal.answer(ORDERS)
    terminal.answer(INSERT)
    terminal.answer("SET 'auto.offset.reset' = 'earliest';")
    for _ in range(3):
        terminal.enter("SELECT customer FROM orders EMIT CHANGES;")
        terminal.expect("bartholomew\n")
        terminal.press(CTRL_C)
        terminal.expect(f"the query was ended\n{PROMPT}")
    terminal.press(CTRL_D)
    assert terminal.ended() == 0


def test_ctrl_c_drops_a_line_that_is_being_typed(repl):
    terminal = repl()
    terminal.press("SELECT 'unfinished")
    terminal.expect("unfinished")
    terminal.press(CTRL_C)
    terminal.expect(rf"\n{PROMPT}")
    assert terminal.answer("SELECT 2 AS two;") == " two\n-----\n   2\n(1 row)\n"


def test_backslash_commands_help_describe_and_leave(repl):
    terminal = repl()
    terminal.answer(ORDERS)
    assert "RUN SCRIPT 'file'" in terminal.answer("\\?")
    assert "orders" in terminal.answer("\\d")
    described = terminal.answer("\\d orders")
    assert "amount" in described and "DOUBLE" in described
    assert "amount" in terminal.answer("\\dt orders")
    assert "there is no command '\\z'" in terminal.answer("\\z")
    terminal.enter("\\q")
    assert terminal.ended() == 0


def test_a_mistake_is_told_with_its_place_and_the_repl_goes_on(repl):
    terminal = repl()
    terminal.answer(ORDERS)
    told = terminal.answer("SELECT amont FROM orders EMIT CHANGES;")
    assert "ERROR" in told and "line 1, column 8" in told and "amount" in told.lower()
    assert terminal.answer("SELECT 2 AS two;").startswith(" two\n")
    terminal.enter("exit")
    assert terminal.ended() == 0


def test_a_script_runs_and_what_it_shows_can_be_spooled(repl, tmp_path):
    script, spooled = tmp_path / "a script.sql", tmp_path / "answers.txt"
    script.write_text(f"{ORDERS}\n{INSERT}\nSELECT customer, amount FROM ${{source}};\n")
    terminal = repl()
    terminal.answer("DEFINE source = 'orders';")
    terminal.answer(f"SPOOL '{spooled}';")
    assert terminal.answer(f"RUN SCRIPT '{script}';").endswith(TABLE)
    terminal.answer("SPOOL OFF;")
    terminal.answer("SELECT 'not spooled';")
    text = spooled.read_text()
    assert TABLE in text and "tidemill> RUN SCRIPT" in text and "not spooled" not in text
    script.write_text("SELECT 1;\n\nSELECT missing_column FROM orders;\n")
    told = terminal.answer(f"\\i {script}")
    assert "missing_column" in told and "a script.sql" in told
