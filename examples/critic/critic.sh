#!/bin/sh
# A generator and its critic: a writer drafts, a critic accepts or says what must change, at most three times.
#
#   sh examples/critic/critic.sh [--provider NAME] [TASK]
#
# Leaves no pane and no process; `genie ls --all` still knows both, and `genie history` every round.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
task=${1:-Write a commit message for a change that makes the cart survive a restart of the shop.}

tag=critic-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

draft=$(genie run -q --provider "$provider" --tag "$tag" --name "writer-$$" "$task Answer with the text alone.")

for round in 1 2 3; do
    verdict=$(genie pipe "$draft" --detach -q --provider "$provider" --give-tag "$tag" --name "critic-$$" -- \
        "You are a critic who is hard to please and fair. This was the task: $task
If the text does it well, answer with the word ACCEPT alone. Otherwise begin with the word REVISE and name the
at most three things that must change, the gravest first.")
    said=$(genie output "$verdict" --wait)
    echo "round $round: $said" >&2
    case $said in ACCEPT*) break ;; esac

    # --context gives the writer both: its last draft, and what the critic has said of it.
    draft=$(genie run -q --provider "$provider" --tag "$tag" --name "writer-$$" \
        --context "$draft" --context "$verdict" \
        "This was your task: $task Change your text as the critic wants it. Answer with the text alone.")
done

genie output "$draft" --wait
