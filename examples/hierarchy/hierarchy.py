"""The same as hierarchy.sh, in Python: a director's plan, a person's word, leads and workers, a report.

python examples/hierarchy/hierarchy.py [--provider NAME] [GOAL]
"""

import argparse
import os
import sys

from genie.client import Genie

parser = argparse.ArgumentParser()
parser.add_argument(
    "goal", nargs="?", default="a page of documentation about the errors that our HTTP API answers with"
)
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"hierarchy-{me}"
work = f"{tag}-work"


def is_approved(plan: str) -> bool:
    """The gate: nothing below the director has been started, so a "no" costs nothing."""
    print(f"{plan}\ngo on with this plan? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower().startswith("y")


with Genie() as genie:
    try:
        director = genie.run(
            f"You direct a small team. The goal: {asked.goal}\nSplit it into two or three parts that people can work "
            "on apart from each other. A line each, no numbers, nothing else.",
            name=f"director-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        plan = genie.output(director["session_id"], wait=True)
        if not is_approved(plan):
            sys.exit("stopped: the plan was not approved")

        # All are asked for at once. A worker is queued until its lead is done, and is told what the lead said.
        for number, part in enumerate(filter(None, plan.split("\n")), 1):
            lead = genie.run(
                f"You lead this part of the plan: {part}\nWrite the order for one worker who has not seen the plan: "
                "what to do, what not to do, how to tell that it is done.",
                name=f"lead-{number}-{me}",
                provider=asked.provider,
                tags=[tag],
                context=[director["session_id"]],
            )
            genie.run(
                "Do what your lead has written. Answer with your work alone.",
                name=f"worker-{number}-{me}",
                provider=asked.provider,
                tags=[work],
                depends_on=[lead["session_id"]],
                inject=True,
            )
        report = genie.pipe(
            f"You direct the team. The goal was: {asked.goal}\nPut the workers' results together. "
            "Say in one line at the end what is still missing.",
            of_tags=work,  # waits for all workers
            name=f"report-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        print(genie.output(report["session_id"], wait=True))
    finally:
        genie.kill(tags=[tag, work])
