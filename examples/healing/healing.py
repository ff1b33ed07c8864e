"""The same as healing.sh, in Python: a small model first; where its answer does not fit, a larger one.

python examples/healing/healing.py [--provider NAME] [TEXT]
"""

import argparse
import json
import os
import sys

from genie.client import Genie

TEXT = "The train to Vienna leaves at 07:12 from platform 4, the one after it at 09:12 from platform 6."
TIME = {"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}
TRAIN = {"type": "object", "required": ["time"], "properties": {"time": TIME, "platform": {"type": "integer"}}}
TRAINS = {"type": "array", "minItems": 1, "items": TRAIN}
SCHEMA = {"type": "object", "required": ["trains"], "properties": {"trains": TRAINS}}
parser = argparse.ArgumentParser()
parser.add_argument("text", nargs="?", default=TEXT)
parser.add_argument("--provider", default=os.environ.get("GENIE_EXAMPLE_PROVIDER", "claude"))
asked = parser.parse_args()
me = os.getpid()
tag = f"healing-{me}"

with Genie() as genie:
    try:
        session = genie.run(
            f"Which trains does this text name? {asked.text}",
            name=f"timetable-{me}",
            provider=asked.provider,
            model="small",
            tags=[tag],
            timeout="5m",
            json_schema=json.dumps(SCHEMA),
        )["session_id"]
        for model in ("medium", "large"):
            if genie.wait(session)[0]["success"]:
                break
            print(f"failed: {genie.collect(session)[0]['error']}\ntrying again: {model}", file=sys.stderr)
            # The same prompt, schema and time, as a new session that knows of which it is the second attempt.
            session = genie.retry(session, model=model)[0]["session_id"]

        for train in json.loads(genie.output(session, wait=True))["trains"]:
            print(train["time"], "platform", train.get("platform", "?"))
    finally:
        genie.kill(tags=tag)
