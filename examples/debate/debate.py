"""The same as debate.sh, in Python: two sides answer each other, twice; a judge who has heard all of it decides.

python examples/debate/debate.py [--provider NAME] [QUESTION]
"""

import argparse
import os

from genie.client import Genie, RunRow

parser = argparse.ArgumentParser()
parser.add_argument("question", nargs="?", default="Should a team of four keep its services in one repository?")
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"debate-{me}"

TURNS = [
    ("pro-1", "for it", "Open the debate with your strongest argument."),
    ("con-1", "against it", "Answer your opponent."),
    ("pro-2", "for it", "Answer your opponent, and close."),
    ("con-2", "against it", "Answer your opponent, and close."),
]

with Genie() as genie:
    try:
        spoken: list[RunRow] = []
        # All are asked for at once: each is queued until the one before is done, and is told its words.
        for name, side, prompt in TURNS:
            before = [spoken[-1]["session_id"]] if spoken else []
            spoken.append(
                genie.run(
                    f"A debate. The question: {asked.question} You are {side}. {prompt} "
                    "At most 120 words, no insults, no headings.",
                    name=f"{name}-{me}",
                    provider=asked.provider,
                    tags=[tag],
                    depends_on=before,
                    inject=bool(before),
                )
            )
        judge = genie.pipe(
            f"You judge this debate. The question: {asked.question}\nSay who has argued better and by which argument, "
            "what neither has said, and what you would do. Begin with FOR or AGAINST.",
            *(row["session_id"] for row in spoken),
            name=f"judge-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        print(genie.output(judge["session_id"], wait=True))
    finally:
        genie.kill(tags=tag)
