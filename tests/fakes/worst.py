"""The values that break programs: quotes, expansions, markup, escapes, scalars of YAML, length."""

from __future__ import annotations

import re
from typing import Final

from hypothesis import strategies as st

PIECES: Final = (
    *("'", '"', "\\", "`id`", "$(id)", "$HOME", "${X:?y}", "%s", "%(x)s", "%%", "{{x}}", "{% x %}"),
    *(
        "#",
        " # c",
        ";",
        "&",
        "|",
        "*",
        "?",
        "~",
        "!x",
        "@file",
        "a:b",
        ",",
        "a=b",
        "=",
        "--",
        "-rf",
    ),
    *("[red]x[/red]", "[/]", "\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "\r", "\n", "\t", "\x7f"),
    *("\u2028", "\u0085", "\u202e", "\ufeff", "é", "e\u0301", "🚀", "İ", "ﬁ", "²", "\u0661"),
    *("on", "null", "0x1f", "010", "1e3", "1_000", ".inf", "nan", "2026-01-01", "0", "-1", "1e999"),
    *(" ", "", ".", "..", "/", "a" * 300, "sk-0123456789abcdefgh", "os.environ/X", "openai/x"),
    *("http://x", "http://[::1", "http://x:99999", "https://user:pw@h/", "::1", "127.0.0.1"),
)
TEXTS: Final = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)
# Without control characters, which no path of a project may have.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
FOLDERS: Final = TEXTS.map(lambda text: _CONTROL.sub("", text)).filter(
    lambda name: "/" not in name and name not in {"", ".", ".."} and len(name.encode()) <= 255
)
FOLDER: Final = (
    '-rf it\'s "q" 50%(x)s %d $HOME ${X:?y} \\n ;a #b,[red]`id`&|*?~!:ro'
    "é e\u0301 🚀 \u2028" + "x" * 100 + ". "
)
"""One folder with nearly all the rest, longer than the path of a socket may be."""
DAMAGED: Final = st.binary(max_size=40) | st.sampled_from(
    [
        *(b"[" * 100_000, b'{"a":' * 100_000, b"null", b"[]", b"{}", b'"x"', b"1", b"NaN", b"\xff"),
        *(b'{"file": 1}', b'{"pid": "x"}', b'{"format": 1}', b'{"versions": 1}'),
        *(b'{"salt": "00", "digest": "00", "iterations": %d}' % n for n in (0, -5, 10**20)),
        b'{"event": "began", "id": "a", "pid": 1e99, "at": "2026-01-01", "verb": "x", "user": "r"}',
        b'{"event": "began", "id": "a", "pid": %d, "at": "2026-01-01", "verb": "x", "user": "r"}'
        % (10**20),
        b'{"event": [], "id": {}}',
    ]
)
"""The content of a state file after a bad disk, a full one, or an editor."""
