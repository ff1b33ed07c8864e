"""The same as tree.sh, with genie's client: a lead, three workers, a refusal, and how they ended.

python examples/trees/tree.py
"""

import sys
import tempfile
from pathlib import Path

from genie.client import Genie, errors

WORKERS = {f"worker_{number}": number for number in (1, 2, 3)}
genie = Genie()


def lead(go: Path) -> None:
    """What the lead does in its pane: it is the parent of what it spawns."""
    for name, code in WORKERS.items():
        wait_for_word = f"until [ -e '{go}' ]; do sleep 0.1; done; exit {code}"
        genie.spawn(name, command=["sh", "-c", wait_for_word], ttl="5m", auto_resume=False)

    try:
        genie.spawn("worker_4", command=["true"], ttl="5m")
    except errors.LimitReached as refused:
        print(refused.message, refused.details)

    go.touch()
    for name in WORKERS:
        genie.wait(name, timeout=60)
        end = genie.show(name)
        print(name, "is", end["state"], "with exit code", end["exit_code"])


def main() -> None:
    """What a person does: start the lead, read what it says, end its tree."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, str(Path(__file__).resolve()), f"{directory}/go"]
        genie.spawn("lead", command=command, limits={"children": "3", "depth": "1"}, ttl="10m")
        genie.wait("lead", timeout=120)
    print(genie.log("lead")["text"], end="")
    for row in genie.tree("lead"):
        print("  " * row["level"] + row["name"], row["state"], row["exit_code"])
    for ended in genie.kill("lead"):
        print(ended["name"], ended["state"])


if len(sys.argv) > 1:
    lead(Path(sys.argv[1]))
else:
    main()
