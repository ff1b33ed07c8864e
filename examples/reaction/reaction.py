"""The same as reaction.sh, in Python, by events of all sessions with a tag: a command fails, an agent looks into it.

python examples/reaction/reaction.py [--provider NAME] [COMMAND]
"""

import argparse
import os

from genie.client import Genie

parser = argparse.ArgumentParser()
parser.add_argument("command", nargs="?", default="make test")
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"reaction-{me}"

with Genie() as genie:
    try:
        before = genie.last_event()  # from here on nothing is missed
        check = genie.run(name=f"check-{me}", command=["sh", "-c", asked.command], tags=[tag])
        for event in genie.subscribe(tags=tag, types=["done", "failed"], after=before):
            if event["session_id"] == check["session_id"] and event["kind"] == "agent.failed":
                genie.run(
                    f"The command '{asked.command}' has failed; this is what it has written. Say in three lines what "
                    "is wrong, in which file, and what you would try first. Change nothing.",
                    name=f"triage-{me}",
                    provider=asked.provider,
                    tags=[tag],
                    context=[check["session_id"]],
                )
                continue
            if event["session_id"] != check["session_id"]:
                print(genie.output(str(event["session_id"])))
            break
        print(genie.status(check["session_id"])["status"])
    finally:
        genie.kill(tags=tag)
