"""Exit 3: gateway.yaml, .env or the environment is invalid."""

from __future__ import annotations

from dataclasses import dataclass

from gatewayctl.errors.base import GatewayctlError


class SettingsProblem(GatewayctlError):
    """gateway.yaml, .env or the environment is invalid."""

    code = "settings"
    exit_code = 3
    remedy = "Correct gateway.yaml, .env or the environment."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One invalid setting; ``source`` reads like ``gateway.yaml line 7 column 3``."""

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class SettingsInvalid(SettingsProblem):
    """One or more settings are invalid; ``problems`` lists all of them with their source."""

    remedy = "Correct each setting reported; `gatewayctl init` writes a commented gateway.yaml."

    def __init__(
        self, message: str = "", *, hint: str | None = None, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message or "\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = problems


class EnvFileMissing(SettingsProblem):
    """The .env file with the secrets and keys does not exist."""

    remedy = "Run `gatewayctl init` or `gatewayctl up`, which create it."


class MasterKeyMissing(SettingsProblem):
    """LITELLM_MASTER_KEY is not set."""

    remedy = "Run `gatewayctl init`: it generates LITELLM_MASTER_KEY in .env."


class MasterKeyWeak(SettingsProblem):
    """LiteLLM would not start with this master key, or it can be guessed."""

    remedy = (
        "Delete the LITELLM_MASTER_KEY line from .env, then run `gatewayctl up`, "
        "which generates a new one."
    )


class SaltKeyChanged(SettingsProblem):
    """LiteLLM's database was created with another LITELLM_SALT_KEY."""

    remedy = (
        "Put the old LITELLM_SALT_KEY back into .env. Only if it is lost: `gatewayctl reset` "
        "backs up LiteLLM's database and empties it."
    )


class EnvFileUnreadable(SettingsProblem):
    """The .env file exists but cannot be read."""

    remedy = "Make .env a UTF-8 text file that you can read."


class EnvFileUnwritable(SettingsProblem):
    """The .env file cannot be written: read-only, disk full or owned by another user."""

    remedy = "Free disk space or allow writing; the file was not changed."


class EnvValueUnsafe(SettingsProblem):
    """Compose, sh and python-dotenv would read the name or value differently."""

    remedy = "Use a value without quotes, backslashes, dollar signs or line breaks."


class VirtualKeyMissing(SettingsProblem):
    """The variable of the virtual key is empty."""

    remedy = "Run `gatewayctl keys create`, which writes it to .env."


class FileUnwritable(SettingsProblem):
    """A file of the project cannot be written."""

    remedy = "Free disk space or allow writing; files already written are complete."


class FileUnreadable(SettingsProblem):
    """A file of the project cannot be read."""

    remedy = "Allow reading it."
