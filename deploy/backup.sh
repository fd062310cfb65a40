#!/usr/bin/env bash
# One archive of all that is not in a checkout: the store at one instant, the spool, settings and secrets.
# It holds people's addresses and all keys: keep copies of it where both may lie.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
places

case ${1:-} in
  '') ;;
  -h | --help)
    echo "usage: backup.sh    (ADVENT_PREFIX=DIR for a rehearsal)"
    echo "Writes $backups/advent-<instant>.tar.gz, and runs $etc/backup-hook FILE if that is executable."
    exit 0
    ;;
  *) wrong_use "$1 is not known" ;;
esac

keep_hours=48
keep_days=14

work=''
# Whoever runs it by hand sees what is wrong; of the timer's run somebody has to be told.
finish() { # STATUS
  [ -z "$work" ] || rm -rf "$work"
  [ "$1" -ne 0 ] && [ -n "${INVOCATION_ID:-}" ] && [ -x "$etc/alert-hook" ] || return 0
  echo "Advent on $(uname -n): the backup failed; journalctl --namespace=advent --unit=advent-backup" |
    timeout 50 "$etc/alert-hook" unwell || true
}
trap 'finish $?' EXIT

umask 077
mkdir -p "$backups"
exec 9> "$backups/.lock"
flock --nonblock 9 || die "another backup is under way"
[ -S "$store_socket" ] || die "no store at $store_socket; a stopped one is copied by hand: $store_data"

name=advent-$(date -u +%Y%m%dT%H%M%SZ)
work=$(mktemp -d "$backups/.work-XXXXXX")
folder=$work/$name
mkdir -p "$folder/store/appendonlydir"

# The spool first: an event goes from it into the store, so it is in one copy or in both, and taking it twice does
# nothing. The other way round it could be in neither.
if [ -d "$data/spool" ]; then cp -a "$data/spool" "$folder/spool"; fi

"$(python_here)" "$here/lib/snapshot.py" "$store_socket" || die "no backup was made"
# As the base of an append-only file, which is how the store starts from it.
mv "$store_data/dump.rdb" "$folder/store/appendonlydir/appendonly.aof.1.base.rdb"
echo 'file appendonly.aof.1.base.rdb seq 1 type b' > "$folder/store/appendonlydir/appendonly.aof.manifest"

mkdir "$folder/etc"
cp -a "$etc/advent.env" "$etc/secrets" "$etc/install.conf" "$folder/etc/"
# Secrets that Advent made for itself, where no real provider is configured.
if [ -f "$data/secrets.env" ]; then cp -a "$data/secrets.env" "$folder/etc/made-secrets.env"; fi
readlink "$current" > "$folder/release"
(cd "$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$work/sums"
mv "$work/sums" "$folder/SHA256SUMS"

tar -C "$work" -czf "$work/$name.tar.gz" "$name"
sync "$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$backups/$name.tar.gz"
say "$backups/$name.tar.gz ($(du -h "$backups/$name.tar.gz" | cut -f1))"

# Every one of two days, then the first of each day.
prune() {
  local file day last=''
  find "$backups" -maxdepth 1 -name 'advent-*.tar.gz' -mmin +$((keep_hours * 60)) -printf '%f\n' | sort |
    while read -r file; do
      day=${file:7:8}
      if [ "$day" = "$last" ] || [ "$day" -lt "$(date -u -d "$keep_days days ago" +%Y%m%d)" ]; then
        rm -f "${backups:?}/$file"
      fi
      last=$day
    done
}
prune

if [ -x "$etc/backup-hook" ]; then
  "$etc/backup-hook" "$backups/$name.tar.gz" || die "the backup is here, but $etc/backup-hook failed: no copy elsewhere"
fi
