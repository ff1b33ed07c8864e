#!/bin/sh
# Fan-out: three reviewers read the same file at the same time, each with an eye on something else.
# Then a race: a small and a large model sum up the reviews; the first answer is taken, the other session is ended.
#
#   sh examples/race/race.sh [--provider NAME] FILE
#
# Leaves no pane and no process; `genie ls --all` still knows the five sessions.
set -eu
provider=${GENIE_EXAMPLE_PROVIDER:-claude}
if [ "${1-}" = --provider ]; then provider=$2 && shift 2; fi
file=${1:?which file is to be reviewed?}

tag=race-$$
trap 'genie kill --yes --quiet --tag "$tag" --tag "$tag-sum" >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM

for eye in correctness security clarity; do
    genie run -q --provider "$provider" --tag "$tag" --name "$eye-$$" --file "$file" \
        "Review the attached file for $eye and for nothing else. At most three findings, each with its line and why it
matters. If there is nothing to find, say so." >/dev/null
done

# A reviewer that fails is no reason to throw the others' work away.
genie wait --tag "$tag" >/dev/null || echo "not every reviewer has succeeded" >&2
genie collect --tag "$tag"

for size in small large; do
    genie pipe --tag "$tag" --detach -q --provider "$provider" --size "$size" --give-tag "$tag-sum" \
        --name "sum-$size-$$" -- "Which of these findings is to be mended first, and how? Three sentences." >/dev/null
done
winner=$(genie wait --tag "$tag-sum" --any -q | head -n 1)
genie cancel --yes --tag "$tag-sum" --reason 'another one was faster' >/dev/null
echo "first: $winner"
genie output "$winner"
