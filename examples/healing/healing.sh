#!/bin/sh
# Self-healing: a small model is asked first; where it fails, the same again with a larger one, and a larger one.
#
#   sh examples/healing/healing.sh [--provider NAME] [TEXT]
#
# What counts as a failure is the answer, not the model's opinion of it: it must be JSON that fits a schema, within five
# minutes. Leaves no pane and no process; `genie ls --all` still knows the agent, `genie history` each attempt.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
text=${1:-The train to Vienna leaves at 07:12 from platform 4, the one after it at 09:12 from platform 6.}

tag=healing-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

time='{"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}'
schema='{"type": "object", "required": ["trains"], "properties": {"trains": {"type": "array", "minItems": 1, "items":
  {"type": "object", "required": ["time"], "properties": {"time": '$time', "platform": {"type": "integer"}}}}}}'
session=$(genie run -q --provider "$provider" --model small --tag "$tag" --name "timetable-$$" --timeout 5m \
    --json-schema "$schema" "Which trains does this text name? $text")

for model in medium large; do
    genie wait "$session" -q >/dev/null && break
    genie collect "$session" | sed -n 's/^error: /failed: /p' >&2
    # The same prompt, schema and time, as a new session that knows of which it is the second attempt.
    session=$(genie retry "$session" --model "$model" -q)
    echo "trying again: $model" >&2
done

genie output "$session" --wait
