#!/bin/sh
# A hierarchy with a human gate: a director plans, a person approves, then a lead for each part writes the order for a
# worker, and the report is made of what the workers have done.
#
#   sh examples/hierarchy/hierarchy.sh [--provider NAME] [GOAL]
#
# Asks on stdin before anybody is hired. Leaves no pane and no process; `genie ls --all` still knows all of them.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
goal=${1:-a page of documentation about the errors that our HTTP API answers with}

tag=hierarchy-$$
trap 'genie kill --yes --quiet --tag "$tag" --tag "$tag-work" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

plan=$(genie run -q --provider "$provider" --tag "$tag" --name "director-$$" \
    "You direct a small team. The goal: $goal
Split it into two or three parts that people can work on apart from each other. A line each, no numbers, nothing else.")
genie output "$plan" --wait >&2
echo >&2

# The gate. Nothing below the director has been started; a "no" costs nothing.
printf 'go on with this plan? [y/N] ' >&2
read -r answer || answer=
case $answer in [yY]*) ;; *) echo 'stopped: the plan was not approved' && exit 1 ;; esac

# All of them are asked for at once. A worker is queued until its lead is done, and is told what the lead said.
genie output "$plan" | {
    number=0
    while read -r part || [ -n "$part" ]; do
        if [ -z "$part" ]; then continue; fi
        number=$((number + 1))
        lead=$(genie run -q --provider "$provider" --tag "$tag" --name "lead-$number-$$" --context "$plan" \
            "You lead this part of the plan: $part
Write the order for one worker who has not seen the plan: what to do, what not to do, how to tell that it is done.")
        genie run -q --provider "$provider" --tag "$tag-work" --name "worker-$number-$$" \
            --depends-on "$lead" --inject-context \
            "Do what your lead has written. Answer with your work alone." >/dev/null
    done
}
genie ls >&2

# Waits for all workers, then reports.
genie pipe --tag "$tag-work" --provider "$provider" --give-tag "$tag" --name "report-$$" -- \
    "You direct the team. The goal was: $goal
Put the workers' results together. Say in one line at the end what is still missing."
