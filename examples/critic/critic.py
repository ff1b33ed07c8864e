"""The same as critic.sh, in Python; the critic's verdict is JSON that fits a schema, so that nothing has to be parsed.

python examples/critic/critic.py [--provider NAME] [TASK]
"""

import argparse
import json
import os
import sys

from genie.client import Genie

VERDICT = {
    "type": "object",
    "properties": {"accept": {"type": "boolean"}, "changes": {"type": "array", "items": {"type": "string"}}},
    "required": ["accept", "changes"],
}
parser = argparse.ArgumentParser()
parser.add_argument(
    "task", nargs="?", default="Write a commit message for a change that makes the cart survive a restart of the shop."
)
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"critic-{me}"

with Genie() as genie:
    try:
        draft = genie.run(
            f"{asked.task} Answer with the text alone.", name=f"writer-{me}", provider=asked.provider, tags=[tag]
        )
        for number in (1, 2, 3):
            critic = genie.pipe(
                f"You are a critic who is hard to please and fair. This was the task: {asked.task}\n"
                "Do you accept the text? If not, name the at most three changes that it needs, the gravest first.",
                draft["session_id"],
                name=f"critic-{me}",
                provider=asked.provider,
                tags=[tag],
                json_schema=json.dumps(VERDICT),
            )
            verdict = json.loads(genie.output(critic["session_id"], wait=True))
            print(f"round {number}: {verdict['changes'] or 'accepted'}", file=sys.stderr)
            if verdict["accept"]:
                break
            draft = genie.run(
                f"This was your task: {asked.task} Change your text as the critic wants it. "
                "Answer with the text alone.",
                name=f"writer-{me}",
                provider=asked.provider,
                tags=[tag],
                context=[draft["session_id"], critic["session_id"]],  # its last draft, and what was said of it
            )
        print(genie.output(draft["session_id"], wait=True))
    finally:
        genie.kill(tags=tag)
