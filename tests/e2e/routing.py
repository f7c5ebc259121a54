"""What the shared stack has of LiteLLM's configuration: deployments, fallbacks, cache, guardrail.

Cache and guardrail only for requests that ask for them, so that no other test meets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Project

LITELLM = """\
litellm:
  litellm_settings:
    cache: true
    cache_params: {type: local, mode: default_off}
  router_settings:
    fallbacks: [{backed-up: [relay]}]
  guardrails:
    - guardrail_name: no-numbers
      litellm_params:
        guardrail: litellm_content_filter
        mode: pre_call
        default_on: false
        patterns: [{pattern_type: prebuilt, pattern_name: us_ssn, action: BLOCK}]
"""
_DEPLOYMENTS = {
    "backed-up": ("say-500",),
    "balanced": ("first", "second"),
    "half-broken": ("say-500", "second"),
}
OF_OTHER_KINDS = {"near": "embedding", "sorted": "rerank", "painter": "image_generation"}
CACHED = ("--param", 'cache={"use-cache": true}')
GUARDED = ("--param", 'guardrails=["no-numbers"]')


def add_routing(project: Project, upstream: str) -> None:
    """Extend gateway.yaml, which ends with models."""
    path = project.folder / "gateway.yaml"
    served = f"api_base: {upstream}, api_key_env: UPSTREAM_API_KEY, num_retries: 0"
    lines = []
    for name, models in _DEPLOYMENTS.items():
        lines.append(f"  {name}:")
        lines += [f"  - {{model: openai/{model}, {served}}}" for model in models]
    for name, mode in OF_OTHER_KINDS.items():
        provider = "cohere" if mode == "rerank" else "openai"
        kind = f"model_info: {{mode: {mode}}}"
        lines.append(f"  {name}: {{model: {provider}/{name}, {kind}, {served}}}")
    text = path.read_text(encoding="utf-8").replace("models:\n", f"{LITELLM}models:\n", 1)
    path.write_text(text + "\n".join(lines) + "\n", encoding="utf-8")
