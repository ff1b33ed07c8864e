#!/bin/sh
# Event-driven: a command runs; when it fails, and only then, an agent is started that is told what it has written.
#
#   sh examples/reaction/reaction.sh [--provider NAME] [COMMAND]
#
# Leaves no pane and no process; `genie ls --all` still knows both.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
command=${1:-make test}

tag=reaction-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

check=$(genie run -q --tag "$tag" --name "check-$$" -- sh -c "$command")

# `watch` ends with what it watches. Words in braces are those of the event; --replay is for a command that has failed
# before the watch has begun. What a plain command has written is its result, so --context hands it on.
genie watch "$check" --on failed --replay -- \
    genie run --wait --provider "$provider" --tag "$tag" --name "triage-$$" --context '{session_id}' \
    "The command '$command' has failed; this is what it has written. Say in three lines what is wrong, in which file,
and what you would try first. Change nothing."

genie status "$check"
