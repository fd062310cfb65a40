#!/usr/bin/env bash
# Restores an archive of backup.sh on this machine, or on another one after install.sh --no-start.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
places

usage() {
  cat << 'END'
usage: restore.sh [--try] [--keep-settings] [--replace] [--unwitnessed] FILE    (ADVENT_PREFIX=DIR for a rehearsal)

  --try             test it: unpack it, start a store on a copy, count the keys; change nothing
  --keep-settings   keep this machine's settings and secrets
  --replace         move existing data aside, next to its old place
  --unwitnessed     restore although nothing may tell what was sent since the backup
END
}

try=no keep_settings=no replace=no unwitnessed=no file=''
while [ $# -gt 0 ]; do
  case $1 in
    --try) try=yes ;;
    --keep-settings) keep_settings=yes ;;
    --replace) replace=yes ;;
    --unwitnessed) unwitnessed=yes ;;
    -h | --help) usage && exit 0 ;;
    -*) wrong_use "$1 is not known" ;;
    *) file=$1 ;;
  esac
  shift
done
[ -n "$file" ] || wrong_use "name the archive"
[ -r "$file" ] || die "$file cannot be read"

umask 077
work=$(mktemp -d /tmp/advent-restore-XXXXXX)
server=''
clean() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean EXIT

tar -xzf "$file" -C "$work" || die "$file is incomplete; use an earlier one"
from=$(find "$work" -mindepth 1 -maxdepth 1 -type d -name 'advent-*')
(cd "$from" && sha256sum --quiet --check SHA256SUMS) || die "$file is damaged; use an earlier one"

# Starts a separate store on a copy, to find out whether it can load the data.
drill() {
  cp -r "$from/store" "$work/drill"
  "$opt/store/valkey-server" --port 0 --unixsocket "$work/drill.sock" --unixsocketperm 700 --dir "$work/drill" \
    --appendonly yes --save '' --logfile "$work/drill.log" &
  server=$!
  "$(python_here)" - "$work/drill.sock" << 'END' || die "the store does not load it: $(tail -n 3 "$work/drill.log")"
import sys, time
import redis

deadline = time.monotonic() + 600
store = redis.Redis(unix_socket_path=sys.argv[1])
while True:
    try:
        print(f"  the store loads it: {store.dbsize()} keys")
        break
    except redis.BusyLoadingError:
        time.sleep(0.1)
    except redis.ConnectionError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.05)
store.close()
END
  kill "$server" && wait "$server" || true
  server=''
}

holds_something() { [ -n "$(find "$1" -type f -print -quit 2>/dev/null)" ]; }

put_aside() { # FOLDER
  holds_something "$1" || return 0
  mv "$1" "$1.before-$stamp"
  say "moved aside: $1.before-$stamp"
}

give() { # FOLDER OWNER
  chmod -R u=rwX,go= "$1"
  ! is_root || chown -R "$2" "$1"
}

drill
if [ "$try" = yes ]; then
  say "$(basename "$file") is good; made by $(basename "$(cat "$from/release")")"
  exit 0
fi

# A socket may be left over from a kill; only a store that answers is in use.
if "$(python_here)" -c 'import sys, redis; redis.Redis(unix_socket_path=sys.argv[1]).ping()' "$store_socket" 2>/dev/null; then
  die "the store is running: sudo systemctl stop advent.target, then repeat"
fi
# Without Notion and with a key that may only send, Advent cannot find out what was sent since, or who left.
settings=$from/etc
[ "$keep_settings" = no ] || settings=$etc
is_set() { grep -Eqs "^$1=.+" "$settings/advent.env" || [ -s "$settings/secrets/$1" ]; }
if [ "$unwitnessed" = no ] && is_set RESEND_API_KEY && ! is_set NOTION_TOKEN; then
  say "Without Notion, only a RESEND_API_KEY with full access tells what was sent since this backup, and who left."
  say "With a key that may only send, mails that may be out wait for you in advent dead list, and nothing is sent"
  say "before you have run advent resume."
  [ -t 0 ] || die "repeat with --unwitnessed if that is what you want"
  read -r -p "Restore it? [y/N] " answer
  [ "$answer" = y ] || die "nothing was changed"
fi
stamp=$(date -u +%Y%m%dT%H%M%SZ)
if [ "$replace" = no ] && { holds_something "$store_data" || holds_something "$data/spool"; }; then
  die "there is data already; --replace moves it aside"
fi
put_aside "$store_data"
mkdir -p "$store_data" "$data"
cp -r "$from/store/." "$store_data/"
give "$store_data" "$(owner advent-store advent)"
# Installs the newest witness, so that Advent detects that the restored store is older.
if [ ! -f "$data/witness.json" ]; then
  for witness in "$backups/newest-witness.json" "$(dirname "$file")/newest-witness.json" "$from/witness.json"; do
    if [ -f "$witness" ]; then
      cp "$witness" "$data/witness.json"
      break
    fi
  done
fi
put_aside "$data/spool"
if [ -d "$from/spool" ]; then cp -r "$from/spool" "$data/spool"; fi
if [ "$keep_settings" = no ]; then
  cp "$from/etc/advent.env" "$etc/advent.env"
  own "$etc/advent.env" 600 0:0
  mkdir -p "$secrets"
  cp "$from"/etc/secrets/* "$secrets/"
  chmod 400 "$secrets"/*
  if [ -f "$from/etc/made-secrets.env" ]; then cp "$from/etc/made-secrets.env" "$data/secrets.env"; fi
fi
give "$data" "$(owner advent)"
say "restored from $(basename "$file"). Now: deploy/install.sh (starts it), then advent check, advent status, advent audit"
