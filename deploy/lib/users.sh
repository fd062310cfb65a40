# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Users, folders and their permissions.

make_users() {
  local file=$prefix/usr/lib/sysusers.d/advent.conf
  # A rehearsal creates the users in a passwd file below the prefix.
  mkdir -p "$prefix/etc" "$(dirname "$file")"
  write_file "$file" 644 < "$here/systemd/advent.sysusers"
  if [ -n "$(awk -F: '$1 == "advent-store"' "$prefix/etc/passwd" 2>/dev/null)" ]; then return; fi
  if ! is_root; then
    skip "users advent and advent-store: without root all files belong to you"
  else
    systemd-sysusers ${prefix:+--root="$prefix"} "$file"
    did "users advent, advent-store"
  fi
}

make_folders() {
  local advent store
  advent=$(owner advent) store=$(owner advent-store advent)
  folder "$opt" 755
  folder "$releases" 755
  folder "$opt/store" 755
  folder "$etc" 750 "0:${advent#*:}"
  # Only root reads it; systemd passes each secret to the processes that need it.
  folder "$secrets" 700
  folder "$etc/tls" 700
  folder "$data" 700 "$advent"
  folder "$store_data" 700 "$store"
  folder "$backups" 700
  folder "$prefix/var/log/advent" 750 "0:$(group_of adm)"
  folder "$prefix/var/www/advent-acme" 755
  # systemd creates the socket's folder at each start (RuntimeDirectory).
  has_systemd && [ -z "$prefix" ] || folder "$(dirname "$store_socket")" 750 "$store"
}

group_of() { getent group "$1" | cut -d: -f3 || echo 0; }

remove_users() {
  if [ -n "$prefix" ] || ! is_root; then
    skip "users: those of a rehearsal are removed with its folder"
    return
  fi
  local user
  for user in advent-store advent; do
    ! id "$user" > /dev/null 2>&1 || { userdel "$user" && did "user $user is removed"; }
  done
}
