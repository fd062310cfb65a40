# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Units, their start, and the way back when a new release is not well.

unit_files=(advent.target advent-store.service advent-gateway.service advent-worker.service advent-console.service
  advent-backup.service advent-backup.timer advent-watch.service advent-watch.timer)

render() { # FILE
  local word=' http2' line='/@HTTP2_LINE@/d'
  if http2_is_a_line; then word='' line='s|@HTTP2_LINE@|http2 on;|'; fi
  sed -e "s|@PREFIX@|$prefix|g" -e "s|@DOMAIN@|${domain:-_}|g" -e "s|@GATEWAY_PORT@|$(setting GATEWAY_PORT 8000)|g" \
    -e "s|@HTTP_PORT@|$http_port|g" -e "s|@HTTPS_PORT@|$https_port|g" -e "s|@NGINX_PID@|$prefix/run/nginx.pid|g" \
    -e "s|@WEBHOOKS_PER_SECOND@|50|g" -e "s|@WEBHOOKS_BURST@|200|g" -e "s|@HTTP2_WORD@|$word|g" -e "$line" "$1"
}

# From the release that is current: after a way back, the units are those of the older one again.
write_units() {
  local unit templates=$current/deploy/systemd
  for unit in "${unit_files[@]}"; do
    # An older release may not have it.
    if [ -f "$templates/$unit" ]; then write_file "$units/$unit" 644 < <(render "$templates/$unit"); else rm -f "$units/$unit"; fi
  done
  write_file "$etc/store.conf" 644 < <(render "$templates/store.conf")
  write_file "$prefix/etc/systemd/journald@advent.conf" 644 < "$templates/journald.conf"
  write_file "$prefix/etc/sysctl.d/60-advent.conf" 644 < "$templates/sysctl.conf"
  if [ -z "$prefix" ] && is_root; then sysctl --quiet --load="$prefix/etc/sysctl.d/60-advent.conf" || true; fi
  write_file "$prefix/etc/logrotate.d/advent" 644 < <(render "$current/deploy/logrotate/advent")
  write_file "$prefix/usr/local/bin/advent" 755 < <(render "$current/deploy/lib/advent.in")
}

# Those that this release has: the console is a later command than the others.
processes() {
  echo gateway
  echo worker
  if "$current/bin/advent" console --help > /dev/null 2>&1; then echo console; fi
}

timers() { (cd "$units" && find . -maxdepth 1 -name 'advent-*.timer' -printf '%f\n' | sort); }

start_all() {
  local name own_timers
  system daemon-reload
  mapfile -t own_timers < <(timers)
  system enable --quiet advent.target advent-store.service "${own_timers[@]}"
  # A store that runs goes on; its own restart is only for its own change.
  if [ "$store_changed" = yes ]; then system restart advent-store.service; else system start advent-store.service; fi
  for name in $(processes); do
    system enable --quiet "advent-$name.service"
    if [ "$1" = restart ]; then system restart "advent-$name.service"; else system start "advent-$name.service"; fi
  done
  system start "${own_timers[@]}" advent.target
}

stop_all() {
  local unit
  for unit in advent-watch.timer advent-backup.timer advent-console.service advent-worker.service advent-gateway.service advent-store.service; do
    system stop "$unit" 2>/dev/null || true
    system disable --quiet "$unit" 2>/dev/null || true
  done
  system disable --quiet advent.target 2>/dev/null || true
}

# Well: each process takes work. `advent health` says more, where the release has it.
ready() {
  "$current/bin/python" -I - "http://127.0.0.1:$(setting GATEWAY_PORT 8000)/ready" \
    "http://127.0.0.1:$(setting WORKER_METRICS_PORT 9191)/ready" << 'END'
import sys
from urllib.request import ProxyHandler, build_opener

ask = build_opener(ProxyHandler({})).open
try:
    well = all(ask(url, timeout=3).status == 200 for url in sys.argv[1:])
except OSError:
    well = False
sys.exit(0 if well else 1)
END
}

healthy() {
  ready || return 1
  if "$current/bin/advent" health --help > /dev/null 2>&1; then
    # 3: nothing is broken, but something needs a person, such as a dead letter.
    "$prefix/usr/local/bin/advent" health > /dev/null 2>&1 || [ "$?" -eq 3 ]
  fi
}

until_true() { # SECONDS COMMAND…
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.5
  done
}

# Switch, start, ask; and back to the one before when it is not well. What was wrong before is not the new one's fault:
# then only /ready decides.
roll_to() { # NAME
  local before proof=ready
  before=$(current_release)
  if [ -n "$before" ] && has_systemd && healthy; then proof=healthy; fi
  switch_to "$1"
  install_store
  write_units
  if ! has_systemd; then
    skip "start: no systemd runs this machine (or this is a rehearsal); the units are in $units"
    return
  fi
  if [ "$start" = no ]; then
    skip "start: --no-start"
    return
  fi
  if [ -z "$before" ] || [ "$before" != "$1" ] || [ "${changes:-0}" -gt 0 ]; then start_all restart; else start_all start; fi
  if until_true "$patience" "$proof"; then
    say "gateway and worker are ready"
  elif [ -z "$before" ] || [ "$before" = "$1" ]; then
    die "it does not become ready within $patience s: journalctl --namespace=advent --unit='advent-*' --lines=50"
  else
    roll_back "$before" "$1"
  fi
}

roll_back() { # TO FROM
  warn "$2 is not well within $patience s: back to $1"
  switch_to "$1"
  write_units
  start_all restart
  # It failed once; the next run builds it anew.
  rm -f "$releases/$2/complete"
  # However impatient one was with the new one: nothing is won by giving this one up.
  until_true 120 ready || die "neither $2 nor $1 becomes ready: journalctl --namespace=advent --lines=100"
  die "$2 was not well, and $1 runs again; nothing is lost. Its lines: journalctl --namespace=advent --lines=100"
}
