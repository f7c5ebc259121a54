"""Files of the operator that LiteLLM reads beside its configuration: copies of them are rendered.

Owns which they are. Must not know what is in them, except that secrets do not belong there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.files.regular import read_regular_file
from gatewayctl.settings.masking import looks_like_a_secret
from gatewayctl.settings.model import Settings


def find_side_files(settings: Settings) -> Mapping[str, Path]:
    """Their paths beside the configuration, sorted, and where they are copied from."""
    config = settings.litellm
    modules = () if config is None else config.modules
    folder = settings.project_dir if config is None else config.folder
    files = {name: settings.project_dir / name for name in settings.litellm_service.files}
    return dict(sorted((files | {name: folder / name for name in modules}).items()))


def read_side_file(path: Path) -> str:
    """Return its text. Raises SettingsInvalid if it cannot be copied, or has a secret in it."""
    try:
        text = read_regular_file(path).decode()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "is not UTF-8 text: use services.litellm.mounts") from error
    if looks_like_a_secret(text):
        raise _unusable(
            path,
            "contains a secret, and copies of it would be readable: read it from the environment,"
            " or use services.litellm.mounts",
        )
    return text


def _unusable(path: Path, message: str) -> SettingsInvalid:
    return SettingsInvalid(problems=(Problem(source=str(path), message=message),))
