"""The setting of LiteLLM's release, in gateway.yaml, or in .env, which overrides it.

Owns the change of that one setting and its reversal, byte for byte where the file was not edited
since. Must not know what a release does.
"""

from __future__ import annotations

import stat
from hashlib import sha256
from typing import Final, Literal

from gatewayctl.env_file.write import require_writable_env_file, update_env_file
from gatewayctl.errors import FileUnreadable, SettingsProblem
from gatewayctl.files.atomic import require_writable, write_atomically
from gatewayctl.operations.state.upgrade_journal import SettingChange
from gatewayctl.settings.gateway_yaml_edit import with_value
from gatewayctl.settings.model import Settings

Place = Literal["gateway.yaml", ".env"]
SETTING: Final = "images.litellm"
VARIABLE: Final = "LITELLM_IMAGE"
_COMMENT: Final = "Set by gatewayctl upgrade."


def find_place(settings: Settings) -> Place:
    """The file to change. Raises SettingsProblem where the environment overrides both."""
    source = settings.source_of(SETTING)
    if source.name == ".env":
        return ".env"
    if source.name in {"default", "gateway.yaml"}:
        return "gateway.yaml"
    raise SettingsProblem(
        f"{VARIABLE} in the environment sets LiteLLM's image and overrides every file.",
        hint=f"Unset it: unset {VARIABLE}.",
    )


def plan_change(settings: Settings, image: str) -> SettingChange:
    """What set_image() will do to gateway.yaml. Raises SettingsProblem where it is impossible."""
    text = _read(settings)
    after = with_value(text or "", "images", "litellm", image)
    return SettingChange(before=text, after=_hash(after))


def require_settable(settings: Settings, image: str) -> None:
    """Raise SettingsProblem where set_image() would fail; changes nothing."""
    if find_place(settings) == ".env":
        require_writable_env_file(settings.env_file)
    else:
        plan_change(settings, image)
        require_writable(settings.config_file.resolve())


def require_revertible(settings: Settings, written: SettingChange | None, image: str) -> None:
    """Raise SettingsProblem where revert_image() would fail; changes nothing."""
    if settings.images.litellm == image:
        return
    if _find_previous_text(settings, written) is None:
        require_settable(settings, image)
    else:
        require_writable(settings.config_file.resolve())


def set_image(settings: Settings, image: str) -> None:
    """Set the image in the file that decides it; repeatable.

    Raises FileUnwritable and EnvFileUnwritable.
    """
    if find_place(settings) == ".env":
        update_env_file(settings.env_file, {VARIABLE: image}, comment=_COMMENT)
        return
    before = _read(settings) or ""
    after = with_value(before, "images", "litellm", image)
    if after != before:
        _write(settings, after)


def revert_image(settings: Settings, written: SettingChange | None, image: str) -> None:
    """Restore the previous file where it is still as written; else set the image in it."""
    if settings.images.litellm == image:
        return
    previous = _find_previous_text(settings, written)
    if previous is None:
        set_image(settings, image)
    else:
        _write(settings, previous)


def _find_previous_text(settings: Settings, written: SettingChange | None) -> str | None:
    """The text of gateway.yaml from before, if the file is still as it was written."""
    if written is None or find_place(settings) != "gateway.yaml":
        return None
    return written.before if _hash(_read(settings) or "") == written.after else None


def _read(settings: Settings) -> str | None:
    try:
        return settings.config_file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"Cannot read {settings.config_file}.") from error


def _write(settings: Settings, text: str) -> None:
    """Write the target of a symbolic link, keeping its mode."""
    target = settings.config_file.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    write_atomically(target, text.encode(), mode=mode)


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
