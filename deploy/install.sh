#!/usr/bin/env bash
# Installs Advent on one machine without containers: Debian 12, Ubuntu 24.04 or newer. Run it again to upgrade or repair.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=lib/say.sh
. "$here/lib/say.sh"
# shellcheck source=lib/machine.sh
. "$here/lib/machine.sh"
# shellcheck source=lib/users.sh
. "$here/lib/users.sh"
# shellcheck source=lib/settings.sh
. "$here/lib/settings.sh"
# shellcheck source=lib/releases.sh
. "$here/lib/releases.sh"
# shellcheck source=lib/services.sh
. "$here/lib/services.sh"
# shellcheck source=lib/upgrade.sh
. "$here/lib/upgrade.sh"
# shellcheck source=lib/web.sh
. "$here/lib/web.sh"

usage() {
  cat << 'END'
usage: deploy/install.sh [--domain NAME --email ADDRESS] [--env-file FILE] [options]

  --domain NAME         the public host name; asked for when it is missing
  --email ADDRESS       receives Let's Encrypt's warnings before a certificate expires
  --env-file FILE       settings, as in .env.example; secrets in it are moved to files of their own
  --check               say what is wrong and what would be done; change nothing; exit with 1 when something is wrong
  --uninstall           remove it, but keep data, settings and backups; with --purge remove those too
  --yes                 ask nothing
  --no-nginx, --no-certbot, --no-firewall, --no-start
  --certificate FILE, --key FILE   your own certificate instead of certbot's
  --from DIR            the checkout to install; default: the one that contains this script
  --python PATH         a Python 3.11 or newer; default: the system's
  --upgrade-store       also install the store's program of this release (after a backup)
  --patience SECONDS    how long each check of a new release may take before the old one is put back; 60

Later runs reuse --domain, --email, --no-nginx, --no-certbot, --no-firewall, --certificate, --key, --python and the
ports. They are in /etc/advent/install.conf; to undo one, remove its line there and run the script again.

for a rehearsal:
  --prefix DIR          put everything below DIR; change no users, packages, units, nginx or firewall of the machine
  --http-port N, --https-port N
  --dependencies-from VENV   use the Python packages of that environment instead of installing them
END
}

defaults() {
  domain='' email='' env_file='' mode=install yes=no purge=no nginx=yes certbot=yes firewall=yes start=yes
  certificate='' key='' source=$(dirname "$here") python='' upgrade_store=no patience=60 borrow=''
  http_port=80 https_port=443 store_changed=no changes=0
}

# Flags that later runs reuse.
remembered=(domain email nginx certbot firewall certificate key python http_port https_port)
recall() {
  local name value
  while IFS='=' read -r name value; do
    if [[ " ${remembered[*]} " == *" $name "* ]]; then printf -v "$name" '%s' "$value"; fi
  done < <(cat "$etc/install.conf" 2>/dev/null)
}
remember() {
  local name
  write_file "$etc/install.conf" 644 < <(for name in "${remembered[@]}"; do echo "$name=${!name}"; done)
}

read_flags() {
  while [ $# -gt 0 ]; do
    case $1 in
      --domain | --email | --env-file | --certificate | --key | --from | --python | --patience | --prefix | \
        --http-port | --https-port | --dependencies-from)
        [ $# -ge 2 ] || wrong_use "$1 needs a value"
        flag_with_value "$1" "$2"
        shift
        ;;
      --check | --uninstall)
        [[ $mode == install || $mode == "${1#--}" ]] || wrong_use "--check and --uninstall exclude each other"
        mode=${1#--}
        ;;
      --purge) purge=yes ;;
      --yes) yes=yes ;;
      --no-nginx) nginx=no ;;
      --no-certbot) certbot=no ;;
      --no-firewall) firewall=no ;;
      --no-start) start=no ;;
      --upgrade-store) upgrade_store=yes ;;
      -h | --help) usage && exit 0 ;;
      *) wrong_use "$1 is not known" ;;
    esac
    shift
  done
}

flag_with_value() { # FLAG VALUE
  case $1 in
    --domain) domain=$2 ;;
    --email) email=$2 ;;
    --env-file) env_file=$(realpath -m "$2") ;;
    # Links stay, because a renewal may replace their targets.
    --certificate) certificate=$(realpath -sm "$2") ;;
    --key) key=$(realpath -sm "$2") ;;
    --from) source=$(realpath -m "$2") ;;
    --python) python=$(realpath -sm "$(command -v "$2" || echo "$2")") ;;
    --patience) patience=$2 ;;
    --prefix) : ;; # Was read before the other flags, because remembered flags are stored below it.
    --http-port) http_port=$2 ;;
    --https-port) https_port=$2 ;;
    --dependencies-from) borrow=$(realpath -s "$2") ;;
  esac
}

find_prefix() {
  while [ $# -gt 0 ]; do
    if [ "$1" = --prefix ] && [ $# -ge 2 ]; then
      prefix=$(realpath -m "$2")
    fi
    shift
  done
  if [ "$prefix" = / ]; then prefix=''; fi
  places
}

check_flags() {
  [[ -z $domain || $domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] || wrong_use "--domain: $domain is not a host name"
  [[ $http_port$https_port$patience =~ ^[0-9]+$ ]] || wrong_use "ports and --patience must be whole numbers"
  [[ $prefix =~ ^[A-Za-z0-9/._-]*$ ]] || wrong_use "--prefix: only letters, digits, / . _ and - are allowed"
  # The path of a Unix socket has at most 107 characters.
  [ "${#store_socket}" -le 100 ] || wrong_use "--prefix: $prefix is too long for the path of the store's socket; use a shorter one"
  [ "$purge" = no ] || [ "$mode" = uninstall ] || wrong_use "--purge needs --uninstall"
}

# Ask only on a terminal, and only for values without a default.
ask() {
  [ "$yes" = no ] && [ -t 0 ] && [ "$nginx" = yes ] || return 0
  [ -n "$domain" ] || read -r -p "Public host name (empty: no nginx): " domain
  [ -z "$domain" ] || [ -n "$email" ] || [ "$certbot" = no ] ||
    read -r -p "E-mail address for Let's Encrypt's warnings (may be empty): " email
}

install_all() {
  local trouble name
  trouble=$(problems)
  [ -z "$trouble" ] || die "$trouble"
  ask
  check_flags
  install_packages_of_system
  find_python || die "no Python 3.11 or newer"
  name=$(release_name)
  echo "Advent $name${prefix:+, below $prefix}"
  make_users
  make_folders
  build_release "$name"
  read_settings "$name"
  backup_before "$name"
  remember
  roll_to "$name"
  install_web
  install_firewall
  prune_releases
  sum_up
}

# Back up before the store changes. An unfinished upgrade has already made its backup.
backup_before() { # NAME
  if upgrade_is_unfinished || [ ! -S "$store_socket" ] || [ -z "$(current_release)" ]; then return; fi
  if [ "$(current_release)" != "$1" ] || [ "$upgrade_store" = yes ]; then
    ADVENT_PREFIX=$prefix "$here/backup.sh" || die "no backup could be made, so the store, its release and the settings were not changed"
  fi
}

sum_up() {
  if [ "$changes" -eq 0 ]; then echo "nothing had to be changed"; else echo "done: $changes $([ "$changes" -eq 1 ] && echo change || echo changes)"; fi
  [ -s "$secrets/RESEND_API_KEY" ] || say "next: fill in $etc/advent.env (RESEND_API_KEY=… and the others), then run install.sh again"
  [ -x "$etc/alert-hook" ] || [ -s "$secrets/HEALTHCHECK_PING_URL" ] ||
    say "no alerts are configured: add $etc/alert-hook, or HEALTHCHECK_PING_URL in advent.env (docs/deploy.md, Alerts)"
  say "then: sudo advent check · sudo advent status · journalctl --namespace=advent --follow"
}

check_all() {
  local trouble name missing name_here
  trouble=$(problems)
  check_flags
  name=$([ ! -f "$source/pyproject.toml" ] || release_name)
  name_here=$(current_release)
  echo "installed: ${name_here:-nothing yet}${prefix:+ (below $prefix)}; would be: $name"
  missing=$(missing_packages | tr '\n' ' ')
  [ -z "$missing" ] || say "would install: $missing"
  has_systemd || say "systemd does not run here: units would be written and nothing started"
  if [ -L "$current" ]; then
    if [ "$name_here" = "$name" ]; then
      say "the release is current"
    else
      say "would upgrade after a backup, and go back unless the new release is healthy within $patience s"
    fi
    [ -s "$secrets/SECRET_KEY" ] || trouble+=$'\n'"$secrets/SECRET_KEY is missing: restore it from a backup"
    trouble+=$'\n'$(certificate_trouble)
    if upgrade_is_unfinished; then trouble+=$'\n'"an upgrade was not finished: run deploy/install.sh again"; fi
    if is_self_signed; then say "the certificate is self-signed: browsers and senders do not trust it"; fi
    if has_systemd; then
      ready || trouble+=$'\n'"gateway or worker is not ready: journalctl --namespace=advent --lines=50"
    fi
  else
    say "would create users, folders, a release, units${domain:+, nginx for $domain}"
  fi
  [ -z "${trouble//$'\n'/}" ] || { printf '%s\n' "$trouble" | sed '/^$/d; s/^/  wrong    /' >&2; exit 1; }
  say "nothing is wrong"
}

uninstall() {
  local unit
  echo "removing Advent${prefix:+ below $prefix}"
  if has_systemd; then stop_all; else skip "stop: no systemd on this machine, or this is a rehearsal"; fi
  for unit in "${unit_files[@]}"; do rm -rf "${units:?}/$unit" "${units:?}/$unit.d"; done
  ! has_systemd || system daemon-reload
  remove_web
  rm -f "$prefix/etc/logrotate.d/advent" "$prefix/etc/systemd/journald@advent.conf" "$prefix/etc/sysctl.d/60-advent.conf" \
    "$prefix/usr/lib/sysusers.d/advent.conf" "$prefix/usr/local/bin/advent"
  rm -rf "$opt" "$prefix/run/advent-store" "$prefix/var/www/advent-acme"
  if [ "$purge" = yes ]; then
    rm -rf "$etc" "$data" "$store_data" "$backups" "$prefix/var/log/advent"
    remove_users
    say "data, settings and backups are removed"
  else
    say "kept: $data, $store_data, $etc, $backups; --uninstall --purge removes them too"
  fi
}

defaults
find_prefix "$@"
recall
read_flags "$@"
case $mode in
  install) install_all ;;
  check) check_all ;;
  uninstall) uninstall ;;
esac
