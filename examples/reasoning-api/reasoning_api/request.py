"""The body of a request: OpenAI's, and nothing else."""

from __future__ import annotations

from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import BaseModel, ConfigDict, Field, model_validator

_KNOWN = frozenset(CompletionCreateParamsBase.__annotations__) | {"stream"}


class ChatRequest(BaseModel):
    """``model`` may be left out; the application has a default.

    Parameters that OpenAI's API does not know are refused: the gateway takes many of its own,
    and those are for the application to decide, not for its callers.
    """

    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: str | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _openai_s_alone(self) -> ChatRequest:
        unknown = sorted((self.model_extra or {}).keys() - _KNOWN)
        if unknown:
            raise ValueError(f"unknown parameter: {', '.join(unknown)}")
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """What is handed on as it is: temperature, tools and the like."""
        return dict(self.model_extra or {})

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk that has no choices, only the tokens used."""
        return bool((self.stream_options or {}).get("include_usage"))
