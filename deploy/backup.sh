#!/usr/bin/env bash
# Writes one archive of everything that is not in the repository: a snapshot of the store, the spool, settings and
# secrets. It contains people's addresses and all keys: protect the copies accordingly.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
places

case ${1:-} in
  '') ;;
  -h | --help)
    echo "usage: backup.sh    (ADVENT_PREFIX=DIR for a rehearsal)"
    echo "Writes $backups/advent-<time>.tar.gz, and runs $etc/backup-hook FILE if that is executable."
    exit 0
    ;;
  *) wrong_use "$1 is not known" ;;
esac

keep_hours=48
keep_days=14

work=''
# A manual run shows its errors; a failed run of the timer calls the alert hook.
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
flock --nonblock 9 || die "another backup is running"
[ -S "$store_socket" ] || die "no store at $store_socket; if it is stopped, copy $store_data by hand"

name=advent-$(date -u +%Y%m%dT%H%M%SZ)
work=$(mktemp -d "$backups/.work-XXXXXX")
folder=$work/$name
mkdir -p "$folder/store/appendonlydir"

# Copy the spool first: events move from it to the store, so each is in one copy or in both, and replaying it twice
# changes nothing. In the other order an event could be missing from both. Meanwhile the gateway removes files whose
# events are in the store: then tar ends with 1, after an error with 2.
copy_spool() {
  { tar -C "$data" --warning=no-file-removed --warning=no-file-changed -cf - spool || [ $? -eq 1 ]; } |
    tar -C "$folder" -xpf -
}
[ ! -d "$data/spool" ] || copy_spool || die "the spool could not be copied (see above), so no backup was made"

"$(python_here)" "$here/lib/snapshot.py" "$store_socket" || die "no backup was made"
# The snapshot becomes the base of an append-only file, with which the store can start.
mv "$store_data/dump.rdb" "$folder/store/appendonlydir/appendonly.aof.1.base.rdb"
echo 'file appendonly.aof.1.base.rdb seq 1 type b' > "$folder/store/appendonlydir/appendonly.aof.manifest"

mkdir "$folder/etc"
cp -a "$etc/advent.env" "$etc/secrets" "$etc/install.conf" "$folder/etc/"
# Secrets that Advent generated because no real provider is configured.
if [ -f "$data/secrets.env" ]; then cp -a "$data/secrets.env" "$folder/etc/made-secrets.env"; fi
# Records the newest store, so that a restored older one is detected.
if [ -f "$data/witness.json" ]; then
  cp -a "$data/witness.json" "$folder/witness.json"
  cp -a "$data/witness.json" "$backups/newest-witness.json"
fi
readlink "$current" > "$folder/release"
(cd "$folder" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$work/sums"
mv "$work/sums" "$folder/SHA256SUMS"

tar -C "$work" -czf "$work/$name.tar.gz" "$name"
sync "$work/$name.tar.gz"
mv "$work/$name.tar.gz" "$backups/$name.tar.gz"
say "$backups/$name.tar.gz ($(du -h "$backups/$name.tar.gz" | cut -f1))"

# Keep all archives of two days, and before that the first of each day.
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
