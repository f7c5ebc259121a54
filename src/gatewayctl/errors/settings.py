"""Exit 3: gateway.yaml, .env or the environment cannot be used as they are."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.errors.base import GatewayctlError


class SettingsProblem(GatewayctlError):
    """gateway.yaml, .env or the environment cannot be used as they are."""

    code = "settings"
    exit_code = 3
    remedy = "Correct gateway.yaml, .env or the environment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One wrong setting: ``source`` reads like ``gateway.yaml line 7 column 3``."""

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class SettingsInvalid(SettingsProblem):
    """One or more settings are wrong; ``problems`` lists every one with its source."""

    code = "settings_invalid"
    remedy = "Correct each line above; `gatewayctl init` writes a commented gateway.yaml."

    def __init__(
        self, message: str = "", *, hint: str | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message or "\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class EnvFileMissing(SettingsProblem):
    """There is no .env, so there are no secrets and no keys yet."""

    code = "env_file_missing"
    remedy = "Run `gatewayctl init` (or `gatewayctl up`), which makes it."


class MasterKeyMissing(SettingsProblem):
    """LITELLM_MASTER_KEY is set nowhere."""

    code = "master_key_missing"
    remedy = "Run `gatewayctl init`: it generates LITELLM_MASTER_KEY into .env."


class MasterKeyWeak(SettingsProblem):
    """A master key LiteLLM refuses to start with, or that anybody could guess."""

    code = "master_key_weak"
    remedy = "Delete the LITELLM_MASTER_KEY line and run `gatewayctl init`: it generates one."


class SaltKeyChanged(SettingsProblem):
    """LITELLM_SALT_KEY is not the one LiteLLM's database was made with."""

    code = "salt_key_changed"
    remedy = "Put the old LITELLM_SALT_KEY back into .env; where it is lost: gatewayctl reset."


class EnvFileUnreadable(SettingsProblem):
    """The .env file exists but cannot be read as one."""

    code = "env_file_unreadable"
    remedy = "Make .env a text file in UTF-8 that you may read."


class EnvFileUnwritable(SettingsProblem):
    """The .env file cannot be written: read-only, disk full, not ours."""

    code = "env_file_unwritable"
    remedy = "Free space or permit writing; the file was left as it was."


class EnvValueUnsafe(SettingsProblem):
    """A name or value that Compose, sh and python-dotenv would read differently."""

    code = "env_value_unsafe"
    remedy = "Use a value without quotes, backslashes, dollar signs or line breaks."


class VirtualKeyMissing(SettingsProblem):
    """The variable that should hold the virtual key is empty."""

    code = "virtual_key_missing"
    remedy = "Run `gatewayctl keys create`, which writes it to .env."


class FileUnwritable(SettingsProblem):
    """A file of the project cannot be written."""

    code = "file_unwritable"
    remedy = "Free space or permit writing; files already written are complete."


class FileUnreadable(SettingsProblem):
    """A file of the project cannot be read."""

    code = "file_unreadable"
    remedy = "Permit reading it."
