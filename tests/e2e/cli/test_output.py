"""What a terminal gets to see of values that a client chose."""

from tollway.cli.output import as_fields, as_table, plain


def test_no_control_character_reaches_the_terminal() -> None:
    assert plain("gpt\x1b[2J") == "'gpt\\x1b[2J'"
    assert "\x1b" not in as_table([{"model": "\x1b[31m"}], ("model",), empty="none").text


def test_values_are_shown_plainly() -> None:
    shown = as_fields({"a": None, "b": True, "c": [], "d": ["x", 1], "e": {"input": 3, "output": None}, "f": {}})
    assert [line.split(":", 1)[1].strip() for line in shown.text.splitlines()] == [
        "-",
        "yes",
        "-",
        "x, 1",
        "input 3",
        "-",
    ]
    assert plain(False) == "no"
