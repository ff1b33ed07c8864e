"""What a pane runs first: wait for the launch file, then become the provider.

    python -I -S runner.py RUN_ID LAUNCH_FILE

Standard library only, and nothing of genie: it starts in every pane, and it must work whatever the
working directory and the environment are. The launch file is JSON, {"argv", "env", "cwd"}; it is removed
once read. Exit codes of its own: 75 no launch file came, 126 cannot be executed, 127 not found.
"""

import json
import os
import signal
import sys
import time

PATIENCE = 10.0
"""Seconds to wait for the launch file."""
FIRST_LOOK, LONGEST_LOOK = 0.002, 0.020
"""Seconds between two looks, doubled from one to the other."""
OF_THE_PANE = ("TMUX", "TMUX_PANE", "TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION")
"""Variables that only the pane itself can know; all others come from the launch file."""

NO_LAUNCH, NOT_EXECUTABLE, NOT_FOUND, INTERRUPTED = 75, 126, 127, 130


def read_launch(path: str) -> dict[str, object] | None:
    """The launch, its file removed; None when none came in time."""
    deadline = time.monotonic() + PATIENCE
    pause = FIRST_LOOK
    while True:
        try:
            with open(path, encoding="ascii") as file:  # noqa: PTH123 - pathlib doubles the start-up time
                launch: dict[str, object] = json.load(file)
        except FileNotFoundError:
            if time.monotonic() > deadline:
                return None
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_LOOK)
        else:
            os.unlink(path)  # noqa: PTH108
            return launch


def raw(text: str) -> bytes:
    """The bytes that `text` stood for, whatever the locale of this pane is."""
    return text.encode("utf-8", "surrogateescape")


def environment(wanted: dict[str, str]) -> dict[bytes, bytes]:
    """Exactly what is wanted, and what the pane knows of itself."""
    env = {raw(name): raw(value) for name, value in wanted.items()}
    for name in OF_THE_PANE:
        value = os.environb.get(name.encode())
        if value is not None:
            env[name.encode()] = value
    return env


def reset_signals() -> None:
    """Give the provider the defaults: Python ignores SIGPIPE, a parent may have ignored more."""
    for number in signal.valid_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP) and signal.getsignal(number) is not signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def fail(code: int, message: str) -> int:
    sys.stderr.write(f"genie: {message}\n")
    return code


def become(argv: list[str], env: dict[str, str], cwd: str) -> int:
    """Become that program; returns only when that cannot be."""
    try:
        os.chdir(raw(cwd))
    except OSError as error:
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        return fail(code, f"cannot enter the working directory {cwd!r}: {error.strerror}")
    reset_signals()
    try:
        os.execvpe(raw(argv[0]), [raw(word) for word in argv], environment(env))  # noqa: S606
    except FileNotFoundError:
        return fail(NOT_FOUND, f"program not found: {argv[0]!r} (PATH is {env.get('PATH', 'not set')!r})")
    except (OSError, ValueError) as error:
        return fail(NOT_EXECUTABLE, f"cannot run {argv[0]!r}: {getattr(error, 'strerror', None) or error}")


def main(run: str, path: str) -> int:
    try:
        launch = read_launch(path)
    except (OSError, ValueError) as error:
        return fail(NO_LAUNCH, f"the launch file of run {run} does not read: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    if launch is None:
        return fail(NO_LAUNCH, f"nothing to run: the launch file of run {run} did not come within {PATIENCE:.0f} s")
    return become(launch["argv"], launch["env"], launch["cwd"])  # type: ignore[arg-type]  # written by genie itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
