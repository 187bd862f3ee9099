#!/bin/sh
# Starts Holdfast, and starts it again whenever a restart was asked for (exit code 75). Any other end is the end.
# `make run` and containers use it: deploy/serve.sh PYTHON [options of `manage.py serve`]
python=$1
shift
child=
trap 'kill -TERM "$child" 2>/dev/null' TERM
trap : INT # Ctrl-C reaches the server by itself
while :; do
    "$python" "$(dirname "$0")/../manage.py" serve "$@" &
    child=$!
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break # a signal ended the wait, not the server
    done
    [ "$code" = 75 ] || exit "$code"
done
