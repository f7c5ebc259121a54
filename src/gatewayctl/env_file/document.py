"""The text of a .env file as a document: read a name, change a name, keep every other byte.

Owns what a change does to the text as a whole: duplicates, new lines at the end, the byte
order mark. Must not know files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gatewayctl.env_file.statement import (
    Statement,
    blank_lines_above,
    rewrite_value,
    split_statements,
)
from gatewayctl.env_file.values import check_name, quote_value

_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvDocument:
    """A .env file's text, cut into statements that add up to it byte for byte.

    Of several definitions of a name the last one wins, as for python-dotenv, Compose and
    sh: it is the one that is read and changed, and earlier ones stay as they are.
    """

    mark: str = field(repr=False)
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, text: str) -> EnvDocument:
        """Cut ``text``, whose line ends are those of the file, not translated."""
        body = text.lstrip(_BYTE_ORDER_MARK)
        mark = text[: len(text) - len(body)]
        return cls(mark=mark, statements=tuple(split_statements(body)))

    @property
    def text(self) -> str:
        return self.mark + self._body

    @property
    def definitions(self) -> Mapping[str, Statement]:
        """The winning statement of each name, bare ``NAME`` and ``export NAME`` among them."""
        return {piece.name: piece for piece in self.statements if piece.name is not None}

    @property
    def values(self) -> Mapping[str, str]:
        """What a reader gets: each name's value, not interpolated; bare names have none."""
        return {n: d.value for n, d in self.definitions.items() if d.value is not None}

    def get(self, name: str) -> str | None:
        """The value a reader gets for ``name``, or None."""
        return self.values.get(name)

    def with_values(self, values: Mapping[str, str], *, comment: str | None = None) -> EnvDocument:
        """The document in which each name has its value; equal values are not touched.

        A name that is defined keeps its line, ``export``, inline comment and line end. New
        names go to the end, below ``# comment`` if one is given and not there already. In a
        file with CRLF line ends new lines have them too; sh then reads the CR as part of
        the value, as it does on every other line of such a file. Raises ``EnvValueUnsafe``.
        """
        winning = {piece.name: index for index, piece in enumerate(self.statements)}
        texts = [piece.text for piece in self.statements]
        new: dict[str, str] = {}
        for name, value in values.items():
            check_name(name)
            if name not in winning:
                new[name] = value
            elif (piece := self.statements[winning[name]]).value != value:
                texts[winning[name]] = rewrite_value(piece, value)
        texts += self._append_names(new, comment)
        body = "".join(texts)
        # to sh a byte order mark is part of the word behind it, which must not be our name
        ours_is_first = body.partition("\n")[0] != self._body.partition("\n")[0]
        return EnvDocument.parse(("" if ours_is_first else self.mark) + body)

    def without(self, names: Collection[str]) -> EnvDocument:
        """The document without ``names``: all their definitions go, with inline comments.

        Removing only the winning one would bring an earlier one to life.
        """
        kept = (
            blank_lines_above(piece) if piece.name in names else piece.text
            for piece in self.statements
        )
        return EnvDocument.parse(self.mark + "".join(kept))

    @property
    def _body(self) -> str:
        return "".join(piece.text for piece in self.statements)

    def _append_names(self, values: Mapping[str, str], comment: str | None) -> Iterator[str]:
        """The lines for names that are not defined yet, the first ending an unended line."""
        body = self._body
        newline = "\r\n" if 2 * body.count("\r\n") > body.count("\n") else "\n"
        if values and body and not body.endswith(("\n", "\r")):
            yield newline
        heading = [f"# {line}".rstrip() for line in (comment or "").splitlines()]
        if values and heading and not set(heading) <= set(body.splitlines()):
            yield (newline if body.strip() else "") + newline.join(heading) + newline
        for name, value in values.items():
            yield f"{name}={quote_value(name, value)}{newline}"
