"""``python -m tests.golden``: regenerate the generated files of the repository."""

from __future__ import annotations

from tests.golden.expected import ROOT, generated


def main() -> None:
    """Write the files that differ, and print their names."""
    for path, text in generated():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))  # noqa: T201


if __name__ == "__main__":
    main()
