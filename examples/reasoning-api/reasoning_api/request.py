"""The body of a request: OpenAI's parameters only."""

from __future__ import annotations

from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import BaseModel, ConfigDict, Field, model_validator

_KNOWN = frozenset(CompletionCreateParamsBase.__annotations__) | {"stream"}


class ChatRequest(BaseModel):
    """An OpenAI chat completion request; ``model`` is optional.

    Parameters that OpenAI's API does not have are refused: LiteLLM accepts many more, which the
    application sets, not its callers.
    """

    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]] = Field(min_length=1)
    model: str | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _refuse_unknown(self) -> ChatRequest:
        unknown = sorted((self.model_extra or {}).keys() - _KNOWN)
        if unknown:
            raise ValueError(f"unknown parameter: {', '.join(unknown)}")
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that are passed on unchanged, such as temperature and tools."""
        return dict(self.model_extra or {})

    @property
    def wants_usage(self) -> bool:
        """True if the stream must end with a chunk of token usage."""
        return bool((self.stream_options or {}).get("include_usage"))
