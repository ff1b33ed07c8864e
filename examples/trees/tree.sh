#!/bin/sh
# A lead that may have three live children: it spawns three workers, is refused the fourth, and collects how they ended.
#
#   sh examples/trees/tree.sh
set -eu

lead() {
    for number in 1 2 3; do
        # Each waits for the lead's word, and ends with an exit code of its own.
        genie spawn "worker_$number" --ttl 5m --no-auto-resume -- \
            sh -c "until [ -e '$GO' ]; do sleep 0.1; done; exit $number"
    done

    genie spawn worker_4 --ttl 5m -- true || echo "worker_4: exit code $?"

    touch "$GO"
    for number in 1 2 3; do
        genie read "worker_$number" --log --follow # returns when that worker has ended
        code=$(genie show "worker_$number" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["exit_code"])')
        echo "worker_$number: exit code $code"
    done
    rm "$GO"
}

if [ "${1-}" = lead ]; then
    lead
    exit
fi

GO=$(mktemp -u) genie spawn lead --limit children=3 --limit depth=1 --ttl 10m --wait -- sh "$0" lead
genie read lead --log
genie tree lead
genie kill --yes lead
