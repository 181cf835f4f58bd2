#!/bin/bash
# Runs one worker of a run on its node, as the account of the job: worker.sh FOLDER INDEX GRACE SKIP SHARE
# GRACE: seconds. It has SHARE (0: all) of the node's GPUs, after the first SKIP of them.
#
# USR1 warns: it is passed on only to processes that catch it, because it would end all others.
# TERM asks to end: every process of the worker gets it, and KILL when the grace is over.
folder=$1 index=$2 grace=$3 skip=$4 share=$5
exec >> "$folder/worker-$index.log" 2>&1 < /dev/null
run=$SLURM_JOB_ID.${SLURM_RESTART_COUNT:-0}
export PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"
child='' timer='' stopping=''

family() {
    local below
    echo "$1"
    for below in $(cat "/proc/$1/task/"*/children 2> /dev/null); do family "$below"; done
}

# Bit 9 of the mask stands for signal 10, SIGUSR1.
catches_usr1() {
    local mask
    mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2> /dev/null)
    [ -n "$mask" ] && ((0x$mask & 0x200))
}

warn() {
    local process
    [ -n "$child" ] || return
    for process in $(family "$child"); do
        if catches_usr1 "$process"; then kill -s USR1 "$process"; fi
    done
}

signal_all() { kill -s "$1" $(family "$child") 2> /dev/null; }

stop() {
    stopping=yes
    [ -n "$child" ] && [ -z "$timer" ] || return
    signal_all TERM
    sleep "$grace" &
    timer=$!
}

program() {
    if [ -n "$CUDA_VISIBLE_DEVICES" ] && [ "$share" -gt 0 ]; then
        CUDA_VISIBLE_DEVICES=$(cut -d, -f "$((skip + 1))-$((skip + share))" \
            <<< "$CUDA_VISIBLE_DEVICES")
    fi
    # The worker's variables and folder, and at its end the command, by exec.
    . "$folder/worker-$index.env"
}

trap warn USR1
trap stop TERM
echo "$$" > "$folder/worker-$index.pid"
if grep -q "ending $run\$" "$folder/status"; then exit 143; fi
program &
child=$!
if [ -n "$stopping" ]; then stop; fi
while kill -0 "$child" 2> /dev/null; do
    wait -n "$child" $timer
    if [ -n "$timer" ] && ! kill -0 "$timer" 2> /dev/null; then signal_all KILL; fi
done
wait "$child"
code=$?
if [ -n "$timer" ]; then kill "$timer" 2> /dev/null; fi
echo "$code" > "$folder/worker-$index.exit"
exit "$code"
