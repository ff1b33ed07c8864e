"""The same as race.sh, in Python: three reviewers at the same time, then two models that race for the summary.

python examples/race/race.py [--provider NAME] FILE
"""

import argparse
import os
import sys

from genie.client import Genie

parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"race-{me}"
racing = f"{tag}-sum"

with Genie() as genie:
    try:
        for eye in ("correctness", "security", "clarity"):
            genie.run(
                f"Review the attached file for {eye} and for nothing else. At most three findings, each with its line "
                "and why it matters. If there is nothing to find, say so.",
                name=f"{eye}-{me}",
                provider=asked.provider,
                tags=[tag],
                files=[asked.file],
            )
        if not all(end["success"] for end in genie.wait(tags=tag)):
            print("not every reviewer has succeeded", file=sys.stderr)
        for review in genie.collect(tags=tag):
            print(f"==> {review['name']}  {review['status']}\n{review['result_text'] or review['error']}")

        for size in ("small", "large"):
            genie.pipe(
                "Which of these findings is to be mended first, and how? Three sentences.",
                of_tags=tag,
                name=f"sum-{size}-{me}",
                provider=asked.provider,
                size=size,
                tags=[racing],
            )
        winner = genie.wait(tags=racing, any_=True)[0]["name"]
        genie.cancel(tags=racing, reason="another one was faster")
        print(f"first: {winner}\n{genie.output(winner)}")
    finally:
        genie.kill(tags=[tag, racing])
