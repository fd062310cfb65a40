# shellcheck shell=sh
# What the stand-ins share. WORLD is a folder:
#   store/{format,accepted,pause,hold}   what a copy of the store contains
#   running/UNIT                    the release that a running unit has, or `trial`
#   log                             what has left or entered the machine, which nothing takes back
#   calls, kill_at                  how many calls there were, and the one at which install.sh is killed

is_running() { [ -f "$WORLD/running/advent-$1.service" ]; }
release_of() { cat "$WORLD/running/advent-$1.service"; }
has() { grep -qs "^$2\$" "$ROOT/opt/advent/releases/$1/faults"; }
reads_store() { [ "$(cat "$ROOT/opt/advent/releases/$1/format")" = "$(cat "$WORLD/store/format")" ]; }

# One signup comes in and one mail goes out, where somebody would take or send it.
traffic() {
  if is_running gateway && [ "$(release_of gateway)" != trial ] && reads_store "$(release_of gateway)"; then
    echo signup >> "$WORLD/store/accepted"
    echo "accepted by $(release_of gateway)" >> "$WORLD/log"
  fi
  if is_running worker && [ ! -f "$WORLD/store/pause" ] && [ ! -f "$WORLD/store/hold" ] && reads_store "$(release_of worker)"; then
    echo "sent by $(release_of worker)" >> "$WORLD/log"
  fi
}

call() {
  echo >> "$WORLD/calls"
  traffic
  if [ "$(wc -l < "$WORLD/calls")" = "$(cat "$WORLD/kill_at" 2> /dev/null)" ]; then
    kill -9 "$INSTALL_PID"
    exit 1
  fi
}
