# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# The systemd units: write, start and stop them, and check whether they are ready.

unit_files=(advent.target advent-store.service advent-gateway.service advent-worker.service advent-console.service
  advent-backup.service advent-backup.timer advent-watch.service advent-watch.timer)

# A store of some million contacts takes about this long to load.
store_patience=120

render() { # FILE
  local word=' http2' line='/@HTTP2_LINE@/d'
  if http2_is_a_line; then word='' line='s|@HTTP2_LINE@|http2 on;|'; fi
  sed -e "s|@PREFIX@|$prefix|g" -e "s|@DOMAIN@|${domain:-_}|g" -e "s|@GATEWAY_PORT@|$(setting GATEWAY_PORT 8000)|g" \
    -e "s|@HTTP_PORT@|$http_port|g" -e "s|@HTTPS_PORT@|$https_port|g" -e "s|@NGINX_PID@|$prefix/run/nginx.pid|g" \
    -e "s|@WEBHOOKS_PER_SECOND@|50|g" -e "s|@WEBHOOKS_BURST@|200|g" -e "s|@HTTP2_WORD@|$word|g" -e "$line" "$1"
}

# Units come from the current release, so a rollback also restores those of the older release.
write_units() {
  local unit templates=$current/deploy/systemd
  for unit in "${unit_files[@]}"; do
    # An older release may lack this unit.
    if [ -f "$templates/$unit" ]; then write_file "$units/$unit" 644 < <(render "$templates/$unit"); else rm -f "$units/$unit"; fi
  done
  write_file "$etc/store.conf" 644 < <(render "$templates/store.conf")
  write_file "$prefix/etc/systemd/journald@advent.conf" 644 < "$templates/journald.conf"
  write_file "$prefix/etc/sysctl.d/60-advent.conf" 644 < "$templates/sysctl.conf"
  if [ -z "$prefix" ] && is_root; then sysctl --quiet --load="$prefix/etc/sysctl.d/60-advent.conf" || true; fi
  write_file "$prefix/etc/logrotate.d/advent" 644 < <(render "$current/deploy/logrotate/advent")
  write_file "$prefix/usr/local/bin/advent" 755 < <(render "$current/deploy/lib/advent.in")
}

# Run the command of the current release, as an operator types it.
advent() { "$prefix/usr/local/bin/advent" "$@"; }

# An older release may not have the console.
processes() {
  echo gateway
  echo worker
  if "$current/bin/advent" console --help > /dev/null 2>&1; then echo console; fi
}

timers() { (cd "$units" && find . -maxdepth 1 -name 'advent-*.timer' -printf '%f\n' | sort); }

start_store() {
  system daemon-reload
  system enable --quiet advent.target advent-store.service
  # Restart a running store only if its program has changed.
  if [ "$store_changed" = yes ]; then system restart advent-store.service; else system start advent-store.service; fi
}

start_services() { # start|restart NAME…
  local verb=$1 name
  shift
  for name in "$@"; do
    system enable --quiet "advent-$name.service"
    system "$verb" "advent-$name.service"
  done
}

start_timers() {
  local own_timers
  mapfile -t own_timers < <(timers)
  system enable --quiet "${own_timers[@]}"
  system start "${own_timers[@]}" advent.target
}

# Stop everything except the store, beginning with the gateway: from then on nothing is accepted.
stop_services() {
  local unit
  for unit in advent-watch.timer advent-backup.timer advent-watch.service advent-gateway.service advent-console.service \
    advent-worker.service; do
    stop_unit "$unit"
  done
}

stop_all() {
  stop_services
  stop_unit advent-store.service
  system disable --quiet advent.target 2> /dev/null || true
}

# Also disable the unit, so that a reboot during an upgrade does not start it.
stop_unit() { # UNIT
  system stop "$1" 2> /dev/null || true
  system disable --quiet "$1" 2> /dev/null || true
}

# Whether every URL answers 200.
answer() { # URL…
  "$current/bin/python" -I - "$@" << 'END'
import sys
from urllib.request import ProxyHandler, build_opener

ask = build_opener(ProxyHandler({})).open
try:
    ready = all(ask(url, timeout=3).status == 200 for url in sys.argv[1:])
except OSError:
    ready = False
sys.exit(0 if ready else 1)
END
}

gateway_ready_url() { echo "http://127.0.0.1:$(setting GATEWAY_PORT 8000)/ready"; }
worker_ready_url() { echo "http://127.0.0.1:$(setting WORKER_METRICS_PORT 9191)/ready"; }
console_ready_url() { echo "http://127.0.0.1:$(setting CONSOLE_PORT 8001)/ready"; }

ready() { answer "$(gateway_ready_url)" "$(worker_ready_url)"; }

# Runs `advent health` if the release has it. Status 3 means that a person must act, for example after a pause; the
# release itself works.
is_healthy() { # [FLAG…]
  local status=0
  "$current/bin/advent" health --help > /dev/null 2>&1 || return 0
  advent health "$@" > /dev/null 2>&1 || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 3 ]
}

until_true() { # SECONDS COMMAND…
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.5
  done
}

store_answers() { advent migrate --dry-run > /dev/null 2>&1; }

# Changes nothing if the store has the format of this release. Lines after the first may ask for a decision.
migrate_store() {
  local result lines line
  result=$(advent migrate) || return 1
  mapfile -t lines <<< "$result"
  [[ ${lines[0]} == 'nothing to do'* ]] || did "${lines[0]}"
  for line in "${lines[@]:1}"; do say "$line"; done
}

# For the first start, or a start of the same release with other settings.
start_release() { # start|restart
  local names
  start_store
  if until_true "$store_patience" store_answers; then
    migrate_store || die "the store could not be migrated (see above), so nothing was started"
  else
    warn "the store does not answer: the gateway keeps signups in its spool, and the worker waits"
  fi
  mapfile -t names < <(processes)
  start_services "$1" "${names[@]}"
  start_timers
  until_true "$patience" ready ||
    die "gateway or worker is not ready after $patience s: journalctl --namespace=advent --unit='advent-*' --lines=50"
  say "gateway and worker are ready"
}

# Make a release current and start it.
roll_to() { # NAME
  local before
  before=$(current_release)
  if has_systemd && [ "$start" = yes ] && { upgrade_is_unfinished || [ "${before:-$1}" != "$1" ]; }; then
    upgrade_to "$1"
    return
  fi
  write_settings
  switch_to "$1"
  install_store
  write_units
  if ! has_systemd; then
    skip "start: no systemd on this machine, or this is a rehearsal; the units are in $units"
  elif [ "$start" = no ]; then
    skip "start: --no-start"
  elif [ -z "$before" ] || [ "${changes:-0}" -gt 0 ]; then
    start_release restart
  else
    start_release start
  fi
}
