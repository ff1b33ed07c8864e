#!/bin/sh
# A pipeline: what one session has come to is given to the next. Facts, a draft from them, an editor's version.
#
#   sh examples/pipeline/pipeline.sh [--provider NAME] [TOPIC]
#
# Leaves no pane and no process; `genie ls --all` still knows the three sessions.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
topic=${1:-what a Unix domain socket is, for somebody who knows TCP}

tag=pipeline-$$
trap 'genie kill --yes --quiet --tag "$tag" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

# `run -q` prints the session's id at once and goes on; the session works in a pane that `genie attach` shows.
facts=$(genie run -q --provider "$provider" --tag "$tag" --name "researcher-$$" \
    "List the five facts that an article about this must not get wrong, a line each, no introduction: $topic")

# `pipe` waits for the first session, and puts its result before the prompt of the second.
draft=$(genie pipe "$facts" --detach -q --provider "$provider" --give-tag "$tag" --name "author-$$" -- \
    "Write an article of 200 words from these facts and from no others. The topic: $topic")

# Without --detach it waits for the answer, too, and prints it.
genie pipe "$draft" --provider "$provider" --give-tag "$tag" --name "editor-$$" -- \
    "Edit this article: cut what says nothing, split what is long, keep the facts. Answer with the article alone."
