# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Output and paths. Sourced by install.sh, backup.sh, restore.sh and watch.sh.

# The folder that contains all paths: empty on a real machine, a temporary folder in a rehearsal.
prefix=${ADVENT_PREFIX:-}

# Only this file names paths; they are rendered into the units and the nginx site.
places() {
  prefix=${prefix%/}
  opt=$prefix/opt/advent
  releases=$opt/releases
  current=$opt/current
  upgrade=$opt/upgrade
  etc=$prefix/etc/advent
  secrets=$etc/secrets
  settings_aside=$etc/before-upgrade
  data=$prefix/var/lib/advent
  store_data=$prefix/var/lib/advent-store
  store_socket=$prefix/run/advent-store/store.sock
  backups=$prefix/var/backups/advent
  units=$prefix/etc/systemd/system
}

say() { printf '  %s\n' "$*"; }
did() { printf '  changed  %s\n' "$*"; changes=$((${changes:-0} + 1)); }
skip() { printf '  skipped  %s\n' "$*"; }
warn() { printf '  warning  %s\n' "$*" >&2; }
die() {
  printf 'advent: %s\n' "$*" >&2
  exit 1
}
wrong_use() {
  printf 'advent: %s; see --help\n' "$*" >&2
  exit 2
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# Write stdin to a file atomically, with this mode and owner; a file with the same content is not touched.
write_file() { # FILE MODE [OWNER]
  local new=$1.advent-new
  mkdir -p "$(dirname "$1")"
  (umask 077 && cat > "$new")
  if [ -f "$1" ] && cmp -s "$new" "$1"; then
    rm -f "$new"
  else
    did "$1"
    mv -f "$new" "$1"
  fi
  own "$1" "$2" "${3:-0:0}"
}

# Create a folder with this mode and owner.
folder() { # FOLDER MODE [OWNER]
  [ -d "$1" ] || did "$1/"
  mkdir -p "$1"
  own "$1" "$2" "${3:-0:0}"
}

own() { # PATH MODE OWNER
  chmod "$2" "$1"
  ! is_root || chown "$3" "$1"
}

# uid:gid of a user, from the passwd file below the prefix; in a rehearsal without root, those of the caller.
owner() { # USER [GROUP]
  local uid gid
  uid=$(awk -F: -v name="$1" '$1 == name { print $3 }' "$prefix/etc/passwd" 2>/dev/null || true)
  gid=$(awk -F: -v name="${2:-$1}" '$1 == name { print $3 }' "$prefix/etc/group" 2>/dev/null || true)
  if is_root && [ -n "$uid" ] && [ -n "$gid" ]; then echo "$uid:$gid"; else echo "$(id -u):$(id -g)"; fi
}

# True where systemd runs and this is not a rehearsal. ADVENT_SYSTEMCTL names another program to call instead.
has_systemd() { [ -n "${ADVENT_SYSTEMCTL:-}" ] || { [ -z "$prefix" ] && [ -d /run/systemd/system ]; }; }
system() { "${ADVENT_SYSTEMCTL:-systemctl}" "$@"; }

# The value of a setting in advent.env, or the default.
setting() { # NAME DEFAULT
  local found
  found=$(sed -n "s/^$1=//p" "$etc/advent.env" 2>/dev/null | tail -n 1 | sed "s/^[\"']//; s/[\"']\$//")
  printf '%s' "${found:-$2}"
}

python_here() { echo "$current/bin/python"; }
