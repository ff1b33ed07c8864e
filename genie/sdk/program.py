"""The program: reads its options, holds the conversation, ends with its exit code.

    python -I -c '… from genie.sdk.program import main …' ROOT (--session-id | --resume | --from) ID --options JSON

Standard input and output are lines of JSON. Exit codes: 0 no more input, or ^C; 1 the program has failed or a limit
has ended it; 2 options that are wrong; 127 no claude-agent-sdk or no claude; 128 and the number of a signal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

from genie.sdk import INSTALL
from genie.sdk.asking import Asking
from genie.sdk.host import FAILED, HUNG_UP, TERMINATED, Host

SESSIONS = {"--session-id": "session_id", "--resume": "resume", "--from": "resume"}
WRONG, MISSING = 2, 127
CHUNK = 1 << 16
LARGEST = 64 << 20
"""Bytes of one record."""


class Wrong(Exception):
    """Options that cannot be used."""


def main() -> NoReturn:
    code = _main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code)  # the thread that reads the input waits for it


def _main(arguments: Sequence[str]) -> int:
    with suppress(PermissionError):  # it leads a session already
        # ^C in the terminal is for this program, and not for claude and its tools: the attendant hands it on.
        os.setsid()
    try:
        session, said = _read(arguments)
        return asyncio.run(_hold(session, said))
    except ModuleNotFoundError as error:
        return _fail(MISSING, f"{error.name} is not there: {INSTALL}")
    except Wrong as error:
        return _fail(WRONG, str(error))
    except BrokenPipeError:
        return FAILED
    except Exception as error:  # noqa: BLE001 - of the package, which raises many kinds
        return _fail(_code(error), f"{type(error).__name__}: {' '.join(str(error).split())}")


def _read(arguments: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Which session it is, by the package's name for that, and what was said. Raises Wrong."""
    given = dict(zip(arguments[::2], arguments[1::2], strict=False))
    session = {name: given[flag] for flag, name in SESSIONS.items() if flag in given}
    try:
        return session, json.loads(given.get("--options", "{}"))
    except ValueError as error:
        raise Wrong(f"--options are not JSON: {error}") from error


async def _hold(session: dict[str, str], said: dict[str, Any]) -> int:
    import claude_agent_sdk as sdk

    # Its log and its warnings are for who programs with it: what matters is raised.
    logging.getLogger("claude_agent_sdk").addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    asking = Asking(said.get("socket"), patience=said.get("patience"), note=_note)
    host = Host(
        sdk.ClaudeSDKClient(_options(sdk, session, said, asking)), out=_out, note=_note, once=bool(said.get("once"))
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, host.pressed)
    loop.add_signal_handler(signal.SIGTERM, host.end, TERMINATED)
    loop.add_signal_handler(signal.SIGHUP, host.end, HUNG_UP)
    Thread(target=_listen, args=(loop, host), daemon=True).start()
    return await host.run()


def _options(sdk: Any, session: dict[str, str], said: dict[str, Any], asking: Asking) -> Any:  # noqa: ANN401
    """The package's options. Raises Wrong for those that this release of it does not have."""
    wanted = {key: value for key, value in said.get("options", {}).items() if value is not None}
    known = {field.name for field in fields(sdk.ClaudeAgentOptions)}
    unknown = [key for key in wanted if key not in known]
    if unknown:
        raise Wrong(f"this claude-agent-sdk has no option {unknown[0]!r}: {INSTALL} --upgrade")
    servers = _servers(said.get("mcp") or [])

    async def may(tool: str, given: dict[str, Any], context: Any) -> Any:  # noqa: ANN401
        rules = _rules(getattr(context, "suggestions", ()))
        _out(_question(tool, given, context))
        decided = await asking.ask(tool, given, [json.loads(rule) for rule in rules])
        if not decided.allow:
            return sdk.PermissionResultDeny(message=decided.message)
        taken = [rules[key] for rule in decided.rules if (key := _key(rule)) in rules]
        return sdk.PermissionResultAllow(updated_input=decided.given or given, updated_permissions=taken or None)

    return sdk.ClaudeAgentOptions(
        **session,
        **wanted,
        **({"mcp_servers": servers} if servers else {}),
        can_use_tool=may,
        cwd=str(Path.cwd()),
        include_partial_messages=True,
        max_buffer_size=LARGEST,
        stderr=_note,
    )


def _question(tool: str, given: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401
    """The record that claude itself has written of it, which the package keeps for itself."""
    call = getattr(context, "tool_use_id", None)
    return {
        "type": "control_request",
        "request_id": call,
        "request": {"subtype": "can_use_tool", "tool_name": tool, "input": given, "tool_use_id": call},
    }


def _rules(suggested: Sequence[Any]) -> dict[str, Any]:
    """The package's own rules by what they say; those that it cannot give back are left out."""
    found = {}
    for rule in suggested:
        with suppress(ValueError):
            found[_key(rule.to_dict())] = rule
    return found


def _key(rule: Any) -> str:  # noqa: ANN401
    return json.dumps(rule, sort_keys=True)


def _servers(given: Sequence[str]) -> str | dict[str, Any]:
    """The servers of all configurations, files or JSON. Raises Wrong."""
    if len(given) == 1:
        return given[0]
    servers: dict[str, Any] = {}
    for one in given:
        try:
            text = one if one.lstrip().startswith("{") else Path(one).expanduser().read_text(encoding="utf-8")
            servers |= json.loads(text)["mcpServers"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Wrong(f"the MCP configuration {one!r} does not read: {error}") from error
    return servers


# ---- in and out -----------------------------------------------------------------------------


def _listen(loop: asyncio.AbstractEventLoop, host: Host) -> None:
    """Read lines, in a thread of its own: a pipe, a file and a terminal alike."""
    rest = b""
    while piece := os.read(0, CHUNK):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            _call(loop, host.line, line)
    if rest:
        _call(loop, host.line, rest)
    _call(loop, host.no_more)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *words: bytes) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(what, *words)


def _out(record: dict[str, Any]) -> None:
    line = json.dumps({key: value for key, value in record.items() if value is not None}, ensure_ascii=True)
    data = line.encode("ascii") + b"\n"
    while data:
        data = data[os.write(1, data) :]


def _note(text: str) -> None:
    sys.stderr.write(f"{text.rstrip()}\n")
    sys.stderr.flush()


def _fail(code: int, text: str) -> int:
    _note(f"genie: {text}")
    return code


def _code(error: Exception) -> int:
    """The exit code of the program that has ended, where it is told."""
    if type(error).__name__ == "CLINotFoundError":
        return MISSING
    code = getattr(error, "exit_code", None)
    if not isinstance(code, int) or code == 0:
        return FAILED
    return 128 - code if code < 0 else code
