"""Move what is written out in a LiteLLM configuration to .env: which text changes, which names.

Owns the decision for each value. Pure: must not touch files. LiteLLM resolves `os.environ/NAME`
before it applies `environment_variables`, and everywhere but in lists of strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gatewayctl.env_file.values import quote_value
from gatewayctl.errors import EnvValueUnsafe
from gatewayctl.operations.project.adopt.leftovers import remove_from_comments, report_leftovers
from gatewayctl.operations.project.adopt.moved import (
    SHORTEST_KNOWN,
    Environment,
    Moves,
    show_path,
)
from gatewayctl.operations.project.adopt.names import Names, implicit_reads, wanted_name
from gatewayctl.operations.project.adopt.report import AdoptedSecret, Notice
from gatewayctl.operations.project.adopt.secret_values import (
    has_secret_form,
    is_secret,
    is_webhook,
    remove_secrets,
)
from gatewayctl.operations.project.adopt.sources import ConfigFile, Sources
from gatewayctl.settings import fields, master_key
from gatewayctl.settings.cursor import VARIABLE_NAME
from gatewayctl.settings.litellm.config import OWNED as OWN_SETTINGS
from gatewayctl.settings.litellm.config import REFERENCE as READS
from gatewayctl.settings.litellm.yaml_text import Span, Value, ValuePath
from gatewayctl.settings.plain_secrets import REFERENCE
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.sections.litellm_service import OWNED

DATABASE: Final = "EXTERNAL_DATABASE_URL"
SALT_KEY: Final = "LITELLM_SALT_KEY"
_MASTER_PATH, _DATABASE_PATH = OWN_SETTINGS
_DATABASE_URL: Final = "DATABASE_URL"
_VARIABLES: Final = "environment_variables"
IGNORED_BY_LITELLM: Final = frozenset(
    {
        *("PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"),
        *("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "HOME", "USER", "SHELL", "LOGNAME"),
        *("NO_PROXY", "no_proxy", "LITELLM_ENABLE_MCP_STDIO"),
    }
)
"""Names in environment_variables that LiteLLM skips (proxy_server.py, _BLOCKED_ENV_KEYS)."""
OF_GATEWAYCTL: Final = frozenset(field.env for field in fields.SCALARS if field.env)
"""Variables that configure gatewayctl: in .env they would change the project."""
_TEMPLATE: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def plan_moves(
    sources: Sources,
    present: Environment,
    problems: Problems,
    *,
    fixed: Mapping[str, str] | None = None,
) -> Moves:
    """Decide on every value.

    ``fixed`` are the variables of the service in a Compose file: they are taken over under their
    own names, and it has no others. Without one LiteLLM reads a .env beside its configuration.
    Reports a value that .env cannot hold as a problem.
    """
    return _Planner(sources, present, problems, fixed).plan()


class _Planner:
    def __init__(
        self,
        sources: Sources,
        present: Environment,
        problems: Problems,
        fixed: Mapping[str, str] | None,
    ) -> None:
        self.in_compose = fixed is not None
        fixed = self.fixed = fixed or {}
        self.sources = sources
        self.present = present
        self.problems = problems
        self.moves = Moves(values=dict(fixed))
        variables = sources.data.get(_VARIABLES)
        self.variables = variables if isinstance(variables, dict) else {}
        texts = "\n".join(str(v.value) for _, v in sources.values() if isinstance(v.value, str))
        reads = set(READS.findall(texts)) | implicit_reads(sources.data)
        self.names = Names(
            reads=reads - set(self.variables) - set(fixed), env=present.env, environ=present.environ
        )
        for name, value in fixed.items():
            self.names.reserve(name, value, share=_is_shared(name, value))

    def plan(self) -> Moves:
        self._check_fixed()
        found = list(self.sources.values())
        for file, value in found:
            if value.path[0] == _VARIABLES:
                self._variable(file, value)
        places = _by_span(self.sources, found)
        for file, uses in places:
            if uses[0].path[0] != _VARIABLES:
                self._value(file, uses)
        self._own_settings(found)
        self._references(found)
        remove_from_comments(self.sources, self.moves)
        report_leftovers(self.sources, self.moves)
        return self.moves

    def _check_fixed(self) -> None:
        """Report the variables of a Compose file that cannot be taken over."""
        for name, value in list(self.moves.values.items()):
            if reason := self._explain_not_taken(name, value):
                del self.moves.values[name]
                self.moves.conflicts.append(Notice(place=name, message=reason))

    def _explain_not_taken(self, name: str, value: str) -> str:
        """Why .env does not get a variable under its own name; empty if it does."""
        try:
            quote_value(name, value, sh=False)
        except EnvValueUnsafe as error:
            return error.message
        held = self.present.env.get(name)
        if held and held != value:
            return f"{name} has another value in .env, which is kept"
        weakness = master_key.explain_weakness(value) if name == master_key.NAME else ""
        return f"the old {name} {weakness}, so a new one is generated" if weakness else ""

    def _edit(self, file: ConfigFile, span: Span, text: str) -> None:
        self.moves.edits.setdefault(self.sources.files.index(file), {})[span] = text

    def _refer(self, file: ConfigFile, value: Value, name: str) -> None:
        raw = file.yaml.within(*value.span)
        quote = raw[0] if raw[:1] in {"'", '"'} else ""
        self._edit(file, value.span, f"{quote}{REFERENCE}{name}{quote}")

    def _add_variable(self, file: ConfigFile, value: Value, name: str, text: str) -> bool:
        """Add a variable to .env; False if the file cannot hold its value."""
        try:
            quote_value(name, text, sh=False)
        except EnvValueUnsafe as error:
            reason = error.message.partition(" has ")[2].partition(": Compose")[0]
            template = _TEMPLATE.fullmatch(text)
            why = (
                f"LiteLLM does not read {text}: write {REFERENCE}{template[1]}"
                if template
                else f"cannot be moved to .env, because its value has {reason}: put it there"
                f" yourself, and write {REFERENCE}NAME here"
            )
            self.problems.add(file.source(value.line), f"{show_path(value.path)}: {why}")
            return False
        self.moves.values[name] = text
        return True

    def _report(self, file: ConfigFile, value: Value, name: str) -> None:
        found = AdoptedSecret(
            name=name, path=show_path(value.path), file=file.shown, line=value.line
        )
        if found not in self.moves.secrets:
            self.moves.secrets.append(found)

    def _variable(self, file: ConfigFile, value: Value) -> None:
        name, text = value.name, str(value.value)
        if len(value.path) != 2:
            self.moves.note(
                file, value.line, f"{show_path(value.path)} stays: it is no plain value"
            )
        elif text.startswith(REFERENCE):
            return
        elif name in IGNORED_BY_LITELLM:
            self.moves.note(file, value.line, f"{name} stays: LiteLLM ignores it in {_VARIABLES}")
        elif name in OF_GATEWAYCTL or not VARIABLE_NAME.fullmatch(name):
            self.moves.conflict(
                file, value.line, f"{name} stays: in .env it would not mean this to LiteLLM"
            )
        else:
            self._move_variable(file, value, name, text)

    def _move_variable(self, file: ConfigFile, value: Value, name: str, text: str) -> None:
        held = self.present.env.get(name)
        weakness = master_key.explain_weakness(text) if name == master_key.NAME else ""
        if weakness:
            self.moves.conflict(
                file, value.line, f"the old {name} {weakness}, so a new one is generated"
            )
        elif held and held != text:
            self.moves.conflict(
                file, value.line, f"{name} has another value in .env, which is kept"
            )
        elif self._add_variable(file, value, name, text):
            self.names.reserve(name, text, share=_is_shared(name, text))
        self._refer(file, value, name)
        if is_secret(value) or has_secret_form(text):
            self._report(file, value, name)
        if name in OWNED:
            self.moves.note(file, value.line, f"gatewayctl sets {name} itself; see .env")

    def _value(self, file: ConfigFile, uses: list[Value]) -> None:
        first = next((use for use in uses if not _is_note(use.path)), uses[0])
        if all(show_path(use.path) in OWN_SETTINGS for use in uses):
            return
        secret = next((use for use in (first, *uses) if is_secret(use)), None)
        if secret is None:
            return
        text = str(secret.value)
        in_list = any(use.in_list for use in uses)
        if _is_note(first.path) and re.search(r"\s", text.strip()) and "-BEGIN" not in text:
            self._mask(file, first)
        elif in_list and is_webhook(text):
            self.moves.note(
                file, first.line, f"{show_path(first.path)} stays in plain text: LiteLLM reads no"
                f" {REFERENCE} in a list, and who knows this address can write there",
            )  # fmt: skip
        else:
            wanted = wanted_name(first, file.yaml.data)
            name = self.names.name_for(text, wanted)
            if self._add_variable(file, first, name, text):
                self._refer(file, first, name)
                self._report(file, first, name)
            if in_list:
                self.moves.conflict(
                    file, first.line, f"{show_path(first.path)} is {name} in .env now, but LiteLLM"
                    f" reads no {REFERENCE} in a list",
                )  # fmt: skip

    def _mask(self, file: ConfigFile, value: Value) -> None:
        raw = file.yaml.within(*value.span)
        known = self.moves.secret_values()
        self._edit(file, value.span, remove_secrets(raw, known).rstrip("\r\n"))
        self.moves.masked.append(str(file.source(value.line)))

    def _own_settings(self, found: list[tuple[ConfigFile, Value]]) -> None:
        declared = set()
        for file, value in found:
            if value.value is not None and (path := show_path(value.path)) in OWN_SETTINGS:
                declared.add(path)
                (self._master_key if path == _MASTER_PATH else self._database)(file, value)
        if self.in_compose:
            return
        # LiteLLM reads all of them by itself.
        names = {SALT_KEY} if _MASTER_PATH in declared else {SALT_KEY, master_key.NAME}
        for name in sorted(names):
            old = self.present.beside.get(name)
            if name == SALT_KEY:
                old = self.present.environ.get(name) or old
            if old:
                self._take_over(name, old)
        url = self.present.beside.get(_DATABASE_URL)
        if url and _DATABASE_PATH not in declared:
            name = self.names.name_for(url, DATABASE)
            self._take_over(name, url)
            message = f"is {name} in .env now. {use_database(name)}"
            self.moves.notes.append(Notice(place=_DATABASE_URL, message=message))

    def _take_over(self, name: str, value: str) -> None:
        if reason := self._explain_not_taken(name, value):
            self.moves.conflicts.append(Notice(place=name, message=reason))
        else:
            self.moves.values.setdefault(name, value)

    def _references(self, found: list[tuple[ConfigFile, Value]]) -> None:
        """Take what the configuration refers to over from the .env beside it."""
        for file, value in found:
            text = str(value.value)
            if show_path(value.path) in OWN_SETTINGS or REFERENCE not in text:
                continue
            for name in READS.findall(text):
                known = name in self.moves.values or name in OF_GATEWAYCTL or self._is_set(name)
                if not known and (taken := self.present.beside.get(name)):
                    self._add_variable(file, value, name, taken)

    def _is_set(self, name: str) -> bool:
        return bool(self.present.env.get(name) or self.present.environ.get(name))

    def _master_key(self, file: ConfigFile, value: Value) -> None:
        text = str(value.value)
        name = text.removeprefix(REFERENCE)
        is_reference = text.startswith(REFERENCE)
        if is_reference and name == master_key.NAME and (
            name in self.fixed or name in self.moves.values
        ):  # fmt: skip
            return
        key = (self.moves.values.get(name) or self.present.old(name)) if is_reference else text
        held = self.present.env.get(master_key.NAME) or self.moves.values.get(master_key.NAME)
        weakness = "" if key is None else master_key.explain_weakness(key)
        if not is_reference and value.span not in self._edits_of(file):
            self._refer(file, value, master_key.NAME)
        if key is None:
            self.moves.note(
                file, value.line, f"the master key was {name}, which is not set here, so a new one"
                f" is generated: give {master_key.NAME} the old value in .env before"
                " `gatewayctl up` to keep it",
            )  # fmt: skip
        elif held and held != key:
            self.moves.conflict(
                file, value.line, f"{master_key.NAME} has another value in .env, which is kept:"
                " who uses the old master key needs the new one",
            )  # fmt: skip
        elif weakness:
            self.moves.conflict(
                file, value.line, f"the old master key {weakness}, so a new one is generated:"
                f" who uses it needs {master_key.NAME} of .env",
            )  # fmt: skip
        elif self._add_variable(file, value, master_key.NAME, key) and not is_reference:
            self._report(file, value, master_key.NAME)

    def _database(self, file: ConfigFile, value: Value) -> None:
        text = str(value.value)
        name = text.removeprefix(REFERENCE)
        is_reference = text.startswith(REFERENCE)
        if is_reference and name == _DATABASE_URL and self.in_compose:
            return
        url = (self.moves.values.get(name) or self.present.old(name)) if is_reference else text
        if url is None:
            new = DATABASE if name == _DATABASE_URL else name
            self.moves.note(
                file, value.line, f"the address of the old database is {name}, which is not set"
                f" here; {use_database(new)}, and put {new} into .env",
            )  # fmt: skip
            return
        if not is_reference or name in fields.RESERVED:
            name = self.names.name_for(url, DATABASE)
        if not self._add_variable(file, value, name, url):
            return
        if not is_reference:
            self._report(file, value, name)
            if value.span not in self._edits_of(file):
                self._refer(file, value, _DATABASE_URL)
        self.moves.note(file, value.line, f"{name} is the old database. {use_database(name)}")

    def _edits_of(self, file: ConfigFile) -> Mapping[Span, str]:
        return self.moves.edits.get(self.sources.files.index(file), {})


def _by_span(
    sources: Sources, found: list[tuple[ConfigFile, Value]]
) -> Iterator[tuple[ConfigFile, list[Value]]]:
    """The places in the text, each with every use of it: an anchor can have several."""
    places: dict[tuple[int, Span], list[Value]] = {}
    for file, value in found:
        places.setdefault((sources.files.index(file), value.span), []).append(value)
    yield from ((sources.files[index], uses) for (index, _), uses in places.items())


def _is_note(path: ValuePath) -> bool:
    return str(path[0]).startswith("x-")


def _is_shared(name: str, value: str) -> bool:
    """True for a variable whose value may be a secret elsewhere, too; not a stack's own."""
    return name not in fields.STACK_SECRETS and len(value) >= SHORTEST_KNOWN


def use_database(name: str) -> str:
    """What to do to use the old database, whose address is a variable of .env."""
    return (
        "gatewayctl runs its own, empty one; to use the old one, put"
        f" `postgres: {{url_env: {name}}}` under services: in gateway.yaml, and if the old gateway"
        f" had no {SALT_KEY}, its master key as {SALT_KEY} into .env: it encrypted with that"
    )
