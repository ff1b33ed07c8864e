#!/bin/sh
# A coordinator: an agent that splits a question, starts sessions for the parts itself, and puts the answers together.
#
#   sh examples/coordinator/coordinator.sh [--provider NAME] [QUESTION]
#
# It may run commands without asking (--auto-approve): let it work where it can do no harm. Limits bound what it starts.
# Leaves no pane and no process; `genie tree --all` still shows who has started whom.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
question=${1:-What has to be decided before a shop moves its sessions from files to a database?}

tag=coordinator-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT # with all that it has started
trap 'exit 130' INT TERM

# It is asked to hand in its result by `genie done`, so --wait prints that and not what it said last.
genie run --wait --provider "$provider" --auto-approve --tag "$tag" --name "$tag" \
    --limit children=3 --limit depth=1 --timeout 30m --prompt-file - <<PROMPT
You coordinate. You answer nothing yourself; you have others answer, and you judge what they say.

The question: $question

1. Split it into two or three parts that can be answered apart from each other.
2. Start a session for each part. It knows nothing but what you tell it, so tell it all it needs:
   genie run -q --provider $provider --tag $tag-part 'what this one has to find out'
   Three at a time is all you may have; a fourth is refused.
3. Wait for them: genie wait --tag $tag-part
4. Read what they found: genie collect --tag $tag-part
5. Where they contradict each other, say so. Write one answer, and hand it in:
   genie done --result 'your answer'
PROMPT
genie tree --all "$tag" >&2
