"""What a pane runs first: wait for the launch file, then become the provider.

    python -I -S runner.py RUN_ID LAUNCH_FILE

Standard library only, and nothing of genie: it starts in every pane, and it must work whatever the
working directory and the environment are. The launch file is JSON, {"argv", "env", "cwd"}; it is removed
once read. With "attend" in it the runner becomes the attendant (attendant.py), which starts the provider.
Exit codes of its own: 75 no launch file came, 126 cannot be executed, 127 not found.
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
ATTEND = "import sys; sys.path.append(sys.argv[1]); from genie.attendant import main; main(sys.argv[3])"
"""What the attendant's interpreter does: as a module it is compiled once, and not at every start."""

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


def attend(run: str, path: str, launch: dict[str, object]) -> int:
    """Become the attendant: by exec, so that neither the command line of a runner that waits nor the environment of the
    tmux server, which can be that of another run, stays with it. The launch goes along in a file without a name."""
    env = environment(launch["env"])  # type: ignore[arg-type]  # written by genie itself
    known = {name.decode("utf-8", "surrogateescape"): env[name].decode("utf-8", "surrogateescape") for name in env}
    try:
        file = os.open(path + ".attend.tmp", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.unlink(path + ".attend.tmp")  # noqa: PTH108
        with open(file, "w", encoding="ascii", closefd=False) as handed:
            json.dump(launch | {"env": known}, handed)
        os.lseek(file, 0, os.SEEK_SET)
        os.set_inheritable(file, True)
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", ATTEND, root, run, str(file)], env)  # noqa: S606
    except OSError as error:
        return fail(NOT_EXECUTABLE, f"cannot attend to run {run}: {error}")


def main(run: str, path: str) -> int:
    try:
        launch = read_launch(path)
    except (OSError, ValueError) as error:
        return fail(NO_LAUNCH, f"the launch file of run {run} does not read: {error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    if launch is None:
        return fail(NO_LAUNCH, f"nothing to run: the launch file of run {run} did not come within {PATIENCE:.0f} s")
    if "attend" in launch:
        return attend(run, path, launch)
    return become(launch["argv"], launch["env"], launch["cwd"])  # type: ignore[arg-type]  # written by genie itself


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
