"""The text of a .env file as a document: read a name, change a name, keep every other byte.

Owns the effect of a change on the whole text: duplicates, new lines at the end, the byte
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

    Of several definitions of a name the last one counts, as for python-dotenv, Compose and
    sh: it is the one that is read and changed, and earlier ones are not touched.
    """

    mark: str = field(repr=False)
    statements: tuple[Statement, ...]

    @classmethod
    def parse(cls, text: str) -> EnvDocument:
        """Split ``text``, whose line ends are those of the file, not translated."""
        body = text.lstrip(_BYTE_ORDER_MARK)
        mark = text[: len(text) - len(body)]
        return cls(mark=mark, statements=tuple(split_statements(body)))

    @property
    def text(self) -> str:
        return self.mark + self._body

    @property
    def definitions(self) -> Mapping[str, Statement]:
        """The last statement of each name, including bare ``NAME`` and ``export NAME``."""
        return {piece.name: piece for piece in self.statements if piece.name is not None}

    @property
    def values(self) -> Mapping[str, str]:
        """The values of all names, not interpolated; bare names have none."""
        return {n: d.value for n, d in self.definitions.items() if d.value is not None}

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, or None."""
        return self.values.get(name)

    def with_values(self, values: Mapping[str, str], *, comment: str | None = None) -> EnvDocument:
        """Set each name to its value; equal values are not touched.

        A defined name keeps its line, ``export``, inline comment and line end. New names are
        added at the end, below ``# comment`` if one is given and not present yet. In a file
        with CRLF line ends new lines have them too; sh then reads the CR as part of the value,
        as it does on every other line of such a file. Raises ``EnvValueUnsafe``.
        """
        last = {piece.name: index for index, piece in enumerate(self.statements)}
        texts = [piece.text for piece in self.statements]
        new: dict[str, str] = {}
        for name, value in values.items():
            check_name(name)
            if name not in last:
                new[name] = value
            elif (piece := self.statements[last[name]]).value != value:
                texts[last[name]] = rewrite_value(piece, value)
        texts += self._lines_to_append(new, comment)
        body = "".join(texts)
        # sh reads a byte order mark as part of the first word, which must not be our name
        ours_is_first = body.partition("\n")[0] != self._body.partition("\n")[0]
        return EnvDocument.parse(("" if ours_is_first else self.mark) + body)

    def without(self, names: Collection[str]) -> EnvDocument:
        """Remove all definitions of ``names``, with inline comments.

        Without the last one an earlier one would count.
        """
        kept = (
            blank_lines_above(piece) if piece.name in names else piece.text
            for piece in self.statements
        )
        return EnvDocument.parse(self.mark + "".join(kept))

    @property
    def _body(self) -> str:
        return "".join(piece.text for piece in self.statements)

    def _lines_to_append(self, values: Mapping[str, str], comment: str | None) -> Iterator[str]:
        """Return the lines of new names; the first completes a last line without its end."""
        body = self._body
        newline = "\r\n" if 2 * body.count("\r\n") > body.count("\n") else "\n"
        if values and body and not body.endswith(("\n", "\r")):
            yield newline
        heading = [f"# {line}".rstrip() for line in (comment or "").splitlines()]
        if values and heading and not set(heading) <= set(body.splitlines()):
            yield (newline if body.strip() else "") + newline.join(heading) + newline
        for name, value in values.items():
            yield f"{name}={quote_value(name, value)}{newline}"
