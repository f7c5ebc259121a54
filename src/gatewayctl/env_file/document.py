"""The text of a .env file as a document: read a name, change a name, keep every other byte.

Owns the effect of a change on the whole text: duplicates, new lines at the end, the byte
order mark. Must not know files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gatewayctl.env_file.statement import (
    Statement,
    blank_lines_above,
    definition_line,
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

    def with_values(
        self, values: Mapping[str, str], *, comment: str | None = None, sh: bool = True
    ) -> EnvDocument:
        """Set each name to its value; equal values are not touched.

        A defined name keeps its line, ``export``, inline comment and line end. New names are
        added at the end, below ``# comment`` if one is given and not present yet. In a file
        with CRLF line ends new lines have them too; sh then reads the CR as part of the value,
        as it does on every other line of such a file. Without ``sh`` a value may need a form that
        sh cannot read. Raises ``EnvValueUnsafe``.
        """
        last = {piece.name: index for index, piece in enumerate(self.statements)}
        texts = [piece.text for piece in self.statements]
        new: dict[str, str] = {}
        for name, value in values.items():
            check_name(name)
            if name not in last:
                new[name] = value
            elif (piece := self.statements[last[name]]).value != value:
                texts[last[name]] = rewrite_value(piece, value, sh=sh)
        newline = self._newline
        lines = [f"{n}={quote_value(n, value, sh=sh)}{newline}" for n, value in new.items()]
        texts += self._lines_to_append(lines, comment)
        body = "".join(texts)
        # sh reads a byte order mark as part of the first word, which must not be our name
        ours_is_first = body.partition("\n")[0] != self._body.partition("\n")[0]
        return EnvDocument.parse(("" if ours_is_first else self.mark) + body)

    def with_definitions(
        self, definitions: Mapping[str, Statement], *, comment: str | None = None
    ) -> EnvDocument:
        """Define each name by a statement of another document, copied as it is.

        Only its line end becomes that of this document. Quotes, ``export``, the inline comment and
        every line of the value stay, so programs read it as they read the other document. New
        names are added at the end, below ``# comment`` as in ``with_values``.
        """
        last = {piece.name: index for index, piece in enumerate(self.statements)}
        texts = [piece.text for piece in self.statements]
        new: list[str] = []
        for name, definition in definitions.items():
            line = definition_line(definition) + self._newline
            if name in last:
                texts[last[name]] = blank_lines_above(self.statements[last[name]]) + line
            else:
                new.append(line)
        return EnvDocument.parse(
            self.mark + "".join((*texts, *self._lines_to_append(new, comment)))
        )

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

    @property
    def _newline(self) -> str:
        body = self._body
        return "\r\n" if 2 * body.count("\r\n") > body.count("\n") else "\n"

    def _lines_to_append(self, lines: Sequence[str], comment: str | None) -> Iterator[str]:
        """Return new lines for the end; the first completes a last line without its end."""
        body, newline = self._body, self._newline
        if lines and body and not body.endswith(("\n", "\r")):
            yield newline
        heading = [f"# {line}".rstrip() for line in (comment or "").splitlines()]
        if lines and heading and not set(heading) <= set(body.splitlines()):
            yield (newline if body.strip() else "") + newline.join(heading) + newline
        yield from lines
