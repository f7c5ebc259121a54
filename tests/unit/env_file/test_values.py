from __future__ import annotations

import itertools
import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gatewayctl.env_file.values import check_name, quote_value
from gatewayctl.errors import EnvValueUnsafe
from tests.unit.env_file import drawn
from tests.unit.env_file.readers import by_compose, by_dotenv, by_sh, skip_without_compose


def writable(value: str) -> bool:
    try:
        quote_value("NAME", value)
    except EnvValueUnsafe:
        return False
    return True


def put(folder: str | Path, values: dict[str, str], *, comment: str = "") -> Path:
    path = Path(folder) / ".env"
    lines = (f"{n}={quote_value(n, v, bare=not comment)}{comment}\n" for n, v in values.items())
    path.write_text("".join(lines), encoding="utf-8")
    return path


def every_short_value() -> dict[str, str]:
    """All that can be written of up to three characters that mean something to a reader."""
    nasty = (itertools.product("'\"\\$`# \n~é", repeat=length) for length in range(4))
    texts = map("".join, itertools.chain.from_iterable(nasty))
    return {f"T_{number}": text for number, text in enumerate(filter(writable, texts))}


several = st.dictionaries(drawn.sh_names, drawn.values.filter(writable), max_size=8)


@drawn.few
@given(several, st.sampled_from(["", " # comment", " #'", "\t# $(comment)"]))
@example({"T_A": "", "T_B": "it's", "T_C": "a\\b"}, " # comment")
def test_python_dotenv_and_sh_read_what_was_written(values: dict[str, str], comment: str) -> None:
    with TemporaryDirectory() as folder:
        path = put(folder, values, comment=comment)
        assert by_dotenv(path) == values
        assert by_dotenv(path, interpolate=True) == values
        assert by_sh(path, values) == values


def test_compose_reads_what_was_written(tmp_path: Path) -> None:
    skip_without_compose()
    values = every_short_value()
    path = put(tmp_path, values)
    assert by_compose(path, values) == values
    path = put(tmp_path, values, comment=" # comment")
    assert by_compose(path, values) == values


def test_all_programs_read_every_short_value_alike(tmp_path: Path) -> None:
    values = every_short_value()
    path = put(tmp_path, values)
    assert by_dotenv(path) == by_dotenv(path, interpolate=True) == by_sh(path, values) == values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("sk-1234567890abcdef", "sk-1234567890abcdef"),
        ("postgresql://u:p@127.0.0.1:5433/db?a=b", "'postgresql://u:p@127.0.0.1:5433/db?a=b'"),
        ("YWJj+/==", "YWJj+/=="),
        ("", ""),
        ("~/x", "'~/x'"),
        ("two words", "'two words'"),
        ("$HOME", "'$HOME'"),
        ('say "hi"', "'say \"hi\"'"),
        ("a\\b", "'a\\b'"),
        ("it's", '"it\'s"'),
        ('it\'s "it"', '"it\'s \\"it\\""'),
        ("a\\\\b", '"a\\\\\\\\b"'),
    ],
)
def test_a_value_is_quoted_only_as_much_as_it_needs(value: str, text: str) -> None:
    assert quote_value("NAME", value) == text


def test_a_value_is_quoted_before_a_comment() -> None:
    assert quote_value("NAME", "", bare=False) == "''"
    assert quote_value("NAME", "x", bare=False) == "'x'"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("secret\r", "carriage return"),
        ("secret\r\n", "carriage return"),
        ("secret\0", "NUL"),
        ("secret\x1b[0m", "control character"),
        ("secret\ud800", "UTF-8"),
        ("secret${HOME}", "expands"),
        ("secret\\", "a mix"),
        ("secret'$", "a mix"),
        ("secret'`", "a mix"),
        ("secret\\\\$", "a mix"),
        ("secret'\\\"", "a mix"),
    ],
)
def test_a_value_that_programs_read_differently_is_refused_with_the_reason(
    value: str, reason: str
) -> None:
    with pytest.raises(EnvValueUnsafe) as refused:
        quote_value("MY_KEY", value)
    assert "MY_KEY" in refused.value.message
    assert reason in refused.value.message
    assert "secret" not in f"{refused.value} {refused.value.hint}"


@given(st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20))
def test_a_name_is_letters_digits_and_underscores_without_a_leading_digit(name: str) -> None:
    if name[0].isdigit():
        with pytest.raises(EnvValueUnsafe):
            check_name(name)
    else:
        check_name(name)


@pytest.mark.parametrize(
    "name", ["", "a-b", "a.b", "a=b", "a b", "é", "A\n", "1A", "export A", "$A"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(EnvValueUnsafe, match="is not a valid variable name"):
        check_name(name)


@pytest.mark.parametrize("value", ["it's $5", "'`", "a'$\nb", 'o\'clock `x` "y" #1'])
def test_without_sh_the_other_two_read_a_value_that_no_quoting_writes_for_all(
    tmp_path: Path, value: str
) -> None:
    path = tmp_path / ".env"
    path.write_text(f"NAME={quote_value('NAME', value, sh=False)}\n", encoding="utf-8")
    assert by_dotenv(path, interpolate=True) == {"NAME": value}
    skip_without_compose()
    assert by_compose(path, ["NAME"]) == {"NAME": value}


@pytest.mark.parametrize("value", ["'$\\", "\\'$", "'$\\\\x"])
def test_a_value_that_even_two_programs_would_read_differently_is_refused(value: str) -> None:
    with pytest.raises(EnvValueUnsafe, match="a mix"):
        quote_value("NAME", value, sh=False)
