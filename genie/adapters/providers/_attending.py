"""What sessions without a screen have in common: a prompt that goes by stdin, sizes of models, schemas of answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from genie.adapters.providers._program import PROMPT_MAXIMUM, size
from genie.domain.errors import BadInput
from genie.domain.session import Way
from genie.domain.words import nearest
from genie.ports import Ask, Provider, Task

SIZES = ("small", "medium", "large")
NAME_ONE = "name one of its own: --model NAME"


def check_way(provider: Provider, task: Task) -> None:
    """Raises BadInput where sessions cannot be held like that."""
    if task.way in provider.ways:
        return
    known = ", ".join(way.value for way in Way if way in provider.ways)
    raise BadInput(
        f"provider {provider.name} has no {task.way.value} sessions", hint=f"it has: {known}", provider=provider.name
    )


def model_name(provider: str, asked: str | None, models: Mapping[str, str]) -> str | None:
    """The provider's own name of a model or a size. Raises BadInput for a size that it does not have."""
    if asked in SIZES and asked not in models:
        raise BadInput(f"provider {provider} has no model '{asked}'", hint=NAME_ONE, provider=provider)
    return models.get(asked, asked) if asked else None


def sized(provider: Provider, ask: Ask, task: Task) -> str | None:
    """The model of a session: of the size that was asked for, else the one that was named."""
    if task.size and task.size not in SIZES:
        raise BadInput(f"unknown size '{task.size}'", hint=nearest(task.size, SIZES))
    return model_name(provider.name, task.size or ask.model, provider.models)


def given_prompt(ask: Ask, *, maximum: int = PROMPT_MAXIMUM) -> str | None:
    """The prompt as it goes by stdin. Raises BadInput over the limit in bytes."""
    if ask.prompt is None:
        return None
    length = size(ask.prompt)
    if length > maximum:
        raise BadInput(f"the prompt has {length} bytes; the limit is {maximum}", hint="name a file in the prompt")
    return ask.prompt


def need_prompt(provider: str, prompt: str | None, *, way: Way) -> str:
    """Raises BadInput where there is nothing to do."""
    if prompt is None or not prompt.strip():
        raise BadInput(f"a {way.value} session of provider {provider} needs a prompt", hint="give it something to do")
    return prompt


def roles(ask: Ask, task: Task | None = None) -> str:
    """What it is and has to know: the role prompt, the skills, the system prompt of this session."""
    skills = f"Use these skills where they fit: {', '.join(ask.skills)}." if ask.skills else ""
    parts = (ask.role_prompt.strip(), skills, (task.system_prompt or "").strip() if task else "")
    return "\n\n".join(part for part in parts if part)


def led(role: str, prompt: str | None) -> str | None:
    """A prompt for a program that takes no role apart: the role goes before it."""
    return f"{role}\n\n{prompt}" if role and prompt else role or prompt


def absolute(path: str, ask: Ask) -> Path:
    return Path(ask.cwd) / Path(path).expanduser()


def read_schema(ask: Ask, task: Task) -> str | None:
    """The JSON schema of the answer in one line; None where any will do. Raises BadInput for what is none."""
    path = task.schema
    if path is None:
        return None
    try:
        schema = json.loads(absolute(path, ask).read_bytes())
    except OSError as error:
        raise BadInput(
            f"--json-schema {path} cannot be read: {error.strerror}", hint="name a file with a schema"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"--json-schema {path} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise BadInput(f"--json-schema {path} is no JSON schema", hint='a schema is an object: {"type": "object", …}')
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def shaped(prompt: str, schema: str | None) -> str:
    """A prompt for a program that cannot be held to a schema: it is asked to follow it."""
    if schema is None:
        return prompt
    return f"{prompt}\n\nAnswer with JSON alone, without a fence around it, that fits this JSON schema:\n{schema}"
