"""Where the release of LiteLLM is set, and setting it there: gateway.yaml, or .env over it.

Owns the change of that one setting and taking it back, byte for byte where nobody touched the
file since. Must not know what a release does.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from gatewayctl.env_file.write import update_env_file
from gatewayctl.errors import FileUnreadable, SettingsProblem
from gatewayctl.files.atomic import write_atomically
from gatewayctl.settings.gateway_yaml_edit import with_value
from gatewayctl.settings.model import Settings

Place = Literal["gateway.yaml", ".env"]
SETTING: Final = "images.litellm"
VARIABLE: Final = "LITELLM_IMAGE"
_COMMENT: Final = "Set by gatewayctl upgrade."


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A change of gateway.yaml: the text of before, and the hash of what was written.

    ``before`` is None where there was no file, or where it did not name the release of before.
    """

    before: str | None
    after: str


def find_place(settings: Settings) -> Place:
    """The file to change. Raises SettingsProblem where the process's environment wins over both."""
    source = settings.source_of(SETTING)
    if source.name == ".env":
        return ".env"
    if source.name in {"default", "gateway.yaml"}:
        return "gateway.yaml"
    raise SettingsProblem(
        f"{VARIABLE} in the environment says which image LiteLLM runs, and wins over every file.",
        hint=f"Unset it: unset {VARIABLE}.",
    )


def plan_change(settings: Settings, image: str) -> SettingChange:
    """What set_image() will do to gateway.yaml. Raises SettingsProblem where it cannot be done."""
    text = _text(settings)
    after = with_value(text or "", "images", "litellm", image)
    return SettingChange(before=text, after=_hash(after))


def set_image(settings: Settings, image: str) -> None:
    """Set it where it is ruled; repeatable. Raises FileUnwritable, EnvFileUnwritable."""
    if find_place(settings) == ".env":
        update_env_file(settings.env_file, {VARIABLE: image}, comment=_COMMENT)
        return
    before = _text(settings) or ""
    after = with_value(before, "images", "litellm", image)
    if after != before:
        _write(settings, after)


def revert_image(settings: Settings, written: SettingChange | None, image: str) -> None:
    """The file as it was, where it is as we wrote it; else that one setting alone."""
    if (
        written is not None
        and written.before is not None
        and find_place(settings) == "gateway.yaml"
        and _hash(_text(settings) or "") == written.after
    ):
        _write(settings, written.before)
    else:
        set_image(settings, image)


def _text(settings: Settings) -> str | None:
    try:
        return settings.config_file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"Cannot read {settings.config_file}.") from error


def _write(settings: Settings, text: str) -> None:
    """Of a symbolic link the target is written, and its mode stays."""
    target = settings.config_file.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    write_atomically(target, text.encode(), mode=mode)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
