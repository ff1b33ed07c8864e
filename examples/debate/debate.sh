#!/bin/sh
# A debate with a judge: two sides answer each other, twice; a judge who has heard all of it decides.
#
#   sh examples/debate/debate.sh [--provider NAME] [QUESTION]
#
# Leaves no pane and no process; `genie ls --all` still knows all of them.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
question=${1:-Should a team of four keep its services in one repository?}

tag=debate-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

# speak NAME SIDE PROMPT [MORE FLAGS]: the id of a session that argues.
speak() {
    name=$1 side=$2 prompt=$3 && shift 3
    genie run -q --provider "$provider" --tag "$tag" --name "$name-$$" "$@" \
        "A debate. The question: $question You are $side. $prompt At most 120 words, no insults, no headings."
}

# The whole debate is asked for at once: who depends on another is queued until that one is done, and is told its words.
first=$(speak pro-1 'for it' 'Open the debate with your strongest argument.')
second=$(speak con-1 'against it' 'Answer your opponent.' --depends-on "$first" --inject-context)
third=$(speak pro-2 'for it' 'Answer your opponent, and close.' --depends-on "$second" --inject-context)
fourth=$(speak con-2 'against it' 'Answer your opponent, and close.' --depends-on "$third" --inject-context)

# Waits for all four, and gives them to the judge in the order in which they have spoken.
genie pipe "$first" "$second" "$third" "$fourth" --provider "$provider" --give-tag "$tag" --name "judge-$$" -- \
    "You judge this debate. The question: $question
Say who has argued better and by which argument, what neither has said, and what you would do. Begin with FOR or
AGAINST."
