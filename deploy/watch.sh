#!/usr/bin/env bash
# Runs `advent health` once and calls /etc/advent/alert-hook when a problem starts and when it ends. advent-watch.timer
# runs it each minute as the service's user, with its settings.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
places

again_minutes=60
hook=$etc/alert-hook
memory=$data/watch # The last state: well, failed_once, unwell; its modification time is the last notification.

# One failure may be a restart; the second in a row is reported.
next_state() { # BEFORE STATUS
  case "$1 $2" in
    *' 0') echo well ;;
    'well '*) echo failed_once ;;
    *) echo unwell ;;
  esac
}

must_notify() { # BEFORE NOW
  case "$1 $2" in
    'failed_once unwell' | 'unwell well') return 0 ;;
    'unwell unwell') [ -n "$(find "$memory" -mmin +$((again_minutes - 1)))" ] ;;
    *) return 1 ;;
  esac
}

notify() { # WELL-OR-UNWELL TEXT
  [ -x "$hook" ] || return 0
  # A failed notification is not stored, so the next minute tries again.
  printf '%s\n' "$2" | timeout 50 "$hook" "$1" || die "$hook failed; nobody was notified"
}

before=$(cat "$memory" 2>/dev/null || echo well)
status=0
said=$("$current/bin/advent" health --quiet 2>&1) || status=$?
[ "$status" -ne 3 ] || status=0 # Nothing is broken; what waits for a person is no reason to alert.
now=$(next_state "$before" "$status")
[ "$now" = well ] || printf '%s\n' "$said" >&2
if must_notify "$before" "$now"; then
  notify "$now" "Advent on $(uname -n) is ${now/#well/well again}"$'\n'"$said"
  rm -f "$memory"
fi
[ "$(cat "$memory" 2>/dev/null)" = "$now" ] || echo "$now" > "$memory"
