"""The settings of images, in gateway.yaml, or in .env, which overrides it.

Owns their change, and the reversal of LiteLLM's, byte for byte where the file was not edited since.
Must not know what a release does.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Final, Literal

from gatewayctl.env_file.write import require_writable_env_file, update_env_file
from gatewayctl.errors import FileUnreadable, SettingsProblem
from gatewayctl.files.atomic import require_writable, write_text
from gatewayctl.operations.state.upgrade_journal import SettingChange
from gatewayctl.settings.edits.gateway_yaml_edit import with_value
from gatewayctl.settings.fields import SCALARS
from gatewayctl.settings.model import Settings

Place = Literal["gateway.yaml", ".env"]
_LITELLM: Final = "litellm"
_VARIABLES: Final = {field.yaml: field.env for field in SCALARS if field.kind == "image"}
_COMMENT: Final = "Set by gatewayctl."


def find_place(settings: Settings, name: str = _LITELLM) -> Place:
    """The file to change. Raises SettingsProblem where the environment overrides both."""
    source = settings.source_of(f"images.{name}")
    if source.name == ".env":
        return ".env"
    if source.name in {"default", "gateway.yaml"}:
        return "gateway.yaml"
    variable = _variable(name)
    raise SettingsProblem(
        f"{variable} in the environment sets images.{name} and overrides every file.",
        hint=f"Unset it: unset {variable}.",
    )


def plan_change(settings: Settings, image: str) -> SettingChange:
    """What set_image() will do to gateway.yaml. Raises SettingsProblem where it is impossible."""
    text = _read(settings)
    after = with_value(text or "", "images", _LITELLM, image)
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
    """Set LiteLLM's image, as set_images()."""
    set_images(settings, {_LITELLM: image})


def set_images(settings: Settings, images: Mapping[str, str]) -> None:
    """Set images by name, each in the file that decides it; repeatable.

    Raises SettingsProblem before anything is written, FileUnwritable and EnvFileUnwritable.
    """
    places = {name: find_place(settings, name) for name in images}
    before = after = _read(settings) or ""
    for name, image in images.items():
        if places[name] == "gateway.yaml":
            after = with_value(after, "images", name, image)
    values = {_variable(name): images[name] for name, place in places.items() if place == ".env"}
    if values:
        update_env_file(settings.env_file, values, comment=_COMMENT)
    if after != before:
        write_text(settings.config_file, after)


def revert_image(settings: Settings, written: SettingChange | None, image: str) -> None:
    """Restore the previous file where it is still as written; else set the image in it."""
    if settings.images.litellm == image:
        return
    previous = _find_previous_text(settings, written)
    if previous is None:
        set_image(settings, image)
    else:
        write_text(settings.config_file, previous)


def _find_previous_text(settings: Settings, written: SettingChange | None) -> str | None:
    """The text of gateway.yaml from before, if the file is still as it was written."""
    if written is None or find_place(settings) != "gateway.yaml":
        return None
    return written.before if _hash(_read(settings) or "") == written.after else None


def _variable(name: str) -> str:
    return _VARIABLES[f"images.{name}"] or ""


def _read(settings: Settings) -> str | None:
    try:
        return settings.config_file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"Cannot read {settings.config_file}.") from error


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
