"""An application that uses the gateway: two calls of two components in one trace.

Needs `pip install openai gatewayctl`; run it in the folder of the gateway project::

    eval "$(gatewayctl env --format shell)" && python ask.py "Why is the sky blue?"

With OpenTelemetry set up, both calls become part of the current trace.
"""

from __future__ import annotations

import asyncio
import os
import sys

from openai import AsyncOpenAI, OpenAI

from gatewayctl.client.calls import component_call

MODEL = os.environ.get("LLM_MODEL", "demo")


def ask(question: str) -> str:
    """One call, attributed to the component `passthrough`."""
    client = OpenAI(base_url=os.environ["LLM_BASE_URL"], api_key=os.environ["LLM_API_KEY"])
    reply = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": question}],
        **component_call("passthrough"),
    )
    return reply.choices[0].message.content or ""


async def sum_up(text: str) -> str:
    """The same with the asynchronous client, as another component."""
    async with AsyncOpenAI(
        base_url=os.environ["LLM_BASE_URL"], api_key=os.environ["LLM_API_KEY"]
    ) as client:
        reply = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": f"Sum up: {text}"}],
            **component_call("reasoning-agent", "synthesis", metadata={"caller": "example"}),
        )
    return reply.choices[0].message.content or ""


if __name__ == "__main__":
    answer = ask(" ".join(sys.argv[1:]) or "Hello")
    print(asyncio.run(sum_up(answer)))
