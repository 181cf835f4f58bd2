#!/bin/bash
# The batch script of a run: job.sh FOLDER GRACE SHARE NODE:FIRST:COUNT...
# Starts the workers FIRST to FIRST+COUNT-1 on each node, with SHARE GPUs each where they share
# one, passes signals on to them, and writes into the folder how it went, because Slurm forgets a
# job some minutes after its end.
#
# A worker alone runs right here. Several are started by srun, a step for each node; they are not
# signalled through srun, since Slurm would give the signal to every process of the step.
# A warning would end a script that is not ready for it; from "started" on there may be one.
trap : USR1
folder=$1 grace=$2 share=$3
shift 3
places=("$@") single='' run=$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}
say() { echo "$(date +%s) $*" >> "$folder/status"; }

# Should a job have been submitted twice, the first one is the run.
[ -s "$folder/claim" ] || echo "$SLURM_JOB_ID" > "$folder/claim"
[ "$(cat "$folder/claim")" = "$SLURM_JOB_ID" ] || exit 0
say "started $run"
if [ -e "$folder/stop" ]; then
    say "ended $run 143 asked"
    exit 143
fi
# After a requeue these are of processes that are gone.
for file in "$folder"/worker-*.pid; do : > "$file"; done
[ "$#" = 1 ] && [ "${1##*:}" = 1 ] && single=yes
step=(srun --nodes=1 --export=ALL --quiet)
steps=() asked='' ending='' code=0

signal_workers() {
    local place node from count files index
    if [ "$single" ]; then
        kill -s "$1" $(cat "$folder/worker-0.pid") 2> /dev/null
        return
    fi
    for place in "${places[@]}"; do
        IFS=: read -r node from count <<< "$place"
        files=()
        for ((index = from; index < from + count; index++)); do
            files+=("$folder/worker-$index.pid")
        done
        "${step[@]}" --overlap --ntasks=1 --gres=none --nodelist="$node" \
            /bin/bash -c 'kill -s "$0" $(cat "$@")' "$1" "${files[@]}" &
    done
}

stop() {
    [ -n "$ending" ] && return
    ending=yes
    # For a worker that cannot be signalled yet; it looks here before it begins.
    say "ending $run"
    signal_workers TERM
}

trap '[ -n "$ending" ] || signal_workers USR1' USR1
trap 'asked=yes; stop' TERM
if [ "$single" ]; then
    /bin/bash "$folder/worker.sh" "$folder" 0 "$grace" 0 0 &
    steps=("$!")
else
    for place in "${places[@]}"; do
        IFS=: read -r node from count <<< "$place"
        "${step[@]}" --ntasks="$count" --nodelist="$node" /bin/bash -c \
            'exec /bin/bash "$0/worker.sh" "$0" $(($1 + SLURM_PROCID)) $2 $((SLURM_PROCID * $3)) $3' \
            "$folder" "$from" "$grace" "$share" &
        steps+=("$!")
    done
fi

# All or nothing: when one worker fails, the others are asked to end.
alive() { kill -0 "$1" 2> /dev/null; }
while [ "${#steps[@]}" -gt 0 ]; do
    wait -n "${steps[@]}"
    left=()
    for pid in "${steps[@]}"; do
        if alive "$pid"; then
            left+=("$pid")
        else
            wait "$pid"
            result=$?
            if [ "$result" != 0 ] && [ "$code" = 0 ]; then code=$result; fi
        fi
    done
    steps=("${left[@]}")
    if [ "$code" != 0 ] && [ "${#steps[@]}" -gt 0 ]; then stop; fi
done
say "ended $run $code${asked:+ asked}"
exit "$code"
