"""The same as coordinator.sh, in Python: an agent that starts sessions for the parts of a question by itself.

python examples/coordinator/coordinator.py [--provider NAME] [QUESTION]

It may run commands without asking (`auto_approve`): let it work where it can do no harm. What it may start is limited.
"""

import argparse
import os
import sys

from genie.client import Genie

PROMPT = """\
You coordinate. You answer nothing yourself; you have others answer, and you judge what they say.

The question: {question}

1. Split it into two or three parts that can be answered apart from each other.
2. Start a session for each part. It knows nothing but what you tell it, so tell it all it needs:
   genie run -q --provider {provider} --tag {tag}-part 'what this one has to find out'
   Three at a time is all you may have; a fourth is refused.
3. Wait for them: genie wait --tag {tag}-part
4. Read what they found: genie collect --tag {tag}-part
5. Where they contradict each other, say so. Write one answer, and hand it in:
   genie done --result 'your answer'
"""
QUESTION = "What has to be decided before a shop moves its sessions from files to a database?"
parser = argparse.ArgumentParser()
parser.add_argument("question", nargs="?", default=QUESTION)
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
tag = f"coordinator-{os.getpid()}"

with Genie() as genie:
    try:
        lead = genie.run(
            PROMPT.format(question=asked.question, provider=asked.provider, tag=tag),
            name=tag,
            provider=asked.provider,
            tags=[tag],
            auto_approve=True,
            limits={"children": "3", "depth": "1"},
            timeout="30m",
        )
        print(genie.output(lead["session_id"], wait=True))  # what it has handed in, not what it said last
        for row in genie.tree(lead["name"], everything=True):
            print("  " * row["level"] + row["name"], row["state"], file=sys.stderr)
    finally:
        genie.kill(tags=tag)  # with all that it has started
