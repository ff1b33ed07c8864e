"""The same as pipeline.sh, in Python: facts, a draft from them, an editor's version.

python examples/pipeline/pipeline.py [--provider NAME] [TOPIC]
"""

import argparse
import os

from genie.client import Genie

parser = argparse.ArgumentParser()
parser.add_argument("topic", nargs="?", default="what a Unix domain socket is, for somebody who knows TCP")
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"pipeline-{me}"

with Genie() as genie:
    try:
        facts = genie.run(
            "List the five facts that an article about this must not get wrong, a line each, no introduction: "
            + asked.topic,
            name=f"researcher-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        # Waits for the first session, and puts its result before the prompt of the second.
        draft = genie.pipe(
            f"Write an article of 200 words from these facts and from no others. The topic: {asked.topic}",
            facts["session_id"],
            name=f"author-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        article = genie.pipe(
            "Edit this article: cut what says nothing, split what is long, keep the facts. "
            "Answer with the article alone.",
            draft["session_id"],
            name=f"editor-{me}",
            provider=asked.provider,
            tags=[tag],
        )
        print(genie.output(article["session_id"], wait=True))
    finally:
        genie.kill(tags=tag)  # their panes go, what they have said stays
