#!/usr/bin/env bash
# Asks `advent health` once, and tells /etc/advent/alert-hook when all is not well, and when it is again. Called each
# minute by advent-watch.timer, as the service's user, with its settings.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
places

again_minutes=60
hook=$etc/alert-hook
memory=$data/watch # What was told last: well, doubt, unwell; its age is since when.

# One look in trouble may be a restart: the second one in a row is told.
next_state() { # BEFORE STATUS
  case "$1 $2" in
    *' 0') echo well ;;
    'well '*) echo doubt ;;
    *) echo unwell ;;
  esac
}

is_to_be_told() { # BEFORE NOW
  case "$1 $2" in
    'doubt unwell' | 'unwell well') return 0 ;;
    'unwell unwell') [ -n "$(find "$memory" -mmin +$((again_minutes - 1)))" ] ;;
    *) return 1 ;;
  esac
}

tell() { # WELL-OR-UNWELL TEXT
  [ -x "$hook" ] || return 0
  # Not told is not remembered: the next minute tries again.
  printf '%s\n' "$2" | timeout 50 "$hook" "$1" || die "$hook could not tell anybody"
}

before=$(cat "$memory" 2>/dev/null || echo well)
status=0
said=$("$current/bin/advent" health --quiet 2>&1) || status=$?
[ "$status" -ne 3 ] || status=0 # Nothing is broken; something waits for a person, and wakes nobody up.
now=$(next_state "$before" "$status")
[ "$now" = well ] || printf '%s\n' "$said" >&2
if is_to_be_told "$before" "$now"; then
  tell "$now" "Advent on $(uname -n) is ${now/#well/well again}"$'\n'"$said"
  rm -f "$memory"
fi
[ "$(cat "$memory" 2>/dev/null)" = "$now" ] || echo "$now" > "$memory"
