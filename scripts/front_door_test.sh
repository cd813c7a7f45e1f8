#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The front door answers clearly: help teaches, a wrong word is one line on stderr and status 2.
set -u
cd "$(dirname "$0")/.." || exit 1
failures=0

# refused COMMAND...: exits with 2, says one line on stderr and nothing on stdout.
refused() {
  errors=$("$@" 2>&1 >/dev/null)
  status=$?
  output=$("$@" 2>/dev/null)
  lines=$(printf '%s\n' "$errors" | wc -l)
  if [ $status -ne 2 ] || [ "$lines" -ne 1 ] || [ -z "$errors" ] || [ -n "$output" ]; then
    printf '%s: status %d, stdout "%s", stderr "%s"\n' "$*" "$status" "$output" "$errors"
    failures=$((failures + 1))
  fi
}
refused ./dev no_such_word
refused ./dev build no_such_preset
refused ./dev check no_such_stage
refused scripts/bootstrap --no_such_group

help=$(./dev help)
for word in serve test build bench check format help; do
  case $help in
    *"./dev $word"*) ;;
    *) echo "./dev help does not tell of: $word"; failures=$((failures + 1)) ;;
  esac
done
case $help in
  *"$(printf '\033')"*) echo "./dev help has colours in a pipe"; failures=$((failures + 1)) ;;
esac
[ $failures -eq 0 ]
