# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Upgrades to another release: stop everything, copy and migrate the store, start with sending paused, check, resume.
#
# The gateway starts last. Until then nothing is accepted or sent, so if a release fails its checks, the previous
# release, its settings and the copy of the store are restored. After that the copy is never restored, because it lacks
# what was accepted since. The file $upgrade records how far an upgrade came; after a killed run, the next run continues
# it.
#
# stage=closed   the gateway has not been started since the upgrade began
# stage=back     a rollback is running: the copy may be half restored
# stage=open     the gateway was started

pause_reason='upgrade by install.sh'

# A minimum, however short --patience is, before the previous release is given up.
back_patience=120

upgrade_is_unfinished() { [ -f "$upgrade" ]; }

upgrade_to() { # NAME
  begin_upgrade
  trap tell_unfinished EXIT
  if [ "$1" = "$upgrade_from" ] && [ "$upgrade_stage" != open ]; then
    go_back
    say "the upgrade from $1 was not finished; $1 runs again"
    [ -z "$env_file" ] || say "$env_file was not read; run install.sh again"
    return
  fi
  note_upgrade closed
  stop_services
  end_trial
  keep_settings_aside
  write_settings
  switch_to "$1"
  install_store
  write_units
  start_store
  if until_true "$store_patience" store_answers && migrate_store && pause_sending && new_release_works && open_gateway; then
    resume_sending
    start_timers
    end_upgrade
    say "gateway and worker are ready"
  else
    leave_release "$1"
  fi
}

# Sets upgrade_from, upgrade_began, upgrade_check and upgrade_stage.
begin_upgrade() {
  if ! upgrade_is_unfinished; then
    # If the old release was unhealthy, the new one only has to become ready.
    upgrade_check=ready
    if ready && is_healthy; then upgrade_check=health; fi
    upgrade_from=$(current_release) upgrade_stage=closed upgrade_began=$(date +%s.%N)
    rm -rf "$settings_aside"
    return
  fi
  recall_upgrade
  say "an earlier upgrade from $upgrade_from was not finished"
  case $upgrade_stage in
    back)
      stop_services
      put_store_back
      switch_to "$upgrade_from"
      put_settings_back
      # Settings were read before they were restored; they must match the restored secrets.
      [ -n "$env_file" ] || read_settings "$upgrade_from"
      upgrade_began=$(date +%s.%N) upgrade_stage=closed
      ;;
    open)
      upgrade_from=$(current_release) upgrade_began=$(date +%s.%N)
      rm -rf "$settings_aside"
      ;;
  esac
}

recall_upgrade() {
  local name value
  while IFS='=' read -r name value; do
    case $name in from | began | check | stage) printf -v "upgrade_$name" '%s' "$value" ;; esac
  done < "$upgrade"
}

# Write the stage to disk before the action that it announces.
note_upgrade() { # STAGE
  upgrade_stage=$1
  printf '%s\n' "from=$upgrade_from" "began=$upgrade_began" "check=$upgrade_check" "stage=$1" > "$upgrade.new" &&
    sync "$upgrade.new" && mv -f "$upgrade.new" "$upgrade" && sync "$opt"
}

end_upgrade() {
  rm -f "$upgrade"
  rm -rf "$settings_aside"
  trap - EXIT
}

tell_unfinished() {
  if [ "$upgrade_stage" = open ]; then
    warn "the upgrade is not finished and sending is paused; run deploy/install.sh again"
  else
    warn "the upgrade is not finished and the gateway is stopped; run deploy/install.sh again"
  fi
}

# A pause by a person stays as it is.
pause_sending() { advent pause --reason "$pause_reason" > /dev/null; }

# Print ours, other or none; print nothing when the store cannot be read.
standing_pause() {
  advent status --json 2> /dev/null | "$current/bin/python" -c '
import json, sys
pause = json.load(sys.stdin)["pause"]
print("none" if pause is None else "ours" if pause["reason"] == sys.argv[1] else "other")' "$pause_reason" 2> /dev/null || true
}

# The holds of a restored or emptied store stay: only a person may end them. An older release cannot keep them.
end_own_pause() {
  if advent resume --help | grep -q -e --keep-holds; then advent resume --keep-holds; else advent resume; fi > /dev/null
}

resume_sending() {
  case $(standing_pause) in
    ours) end_own_pause || die "sending could not be resumed: sudo advent resume --keep-holds" ;;
    other) say "sending stays paused, as it was before the upgrade: sudo advent resume" ;;
    none) ;;
    *) die "it is unknown whether sending is paused: sudo advent status, then sudo advent resume --keep-holds" ;;
  esac
}

# Check while the gateway is stopped.
new_release_works() {
  local names
  mapfile -t names < <(processes | grep -vx gateway)
  start_services start "${names[@]}"
  until_true "$patience" works_without_gateway "${names[@]}" && gateway_works
}

works_without_gateway() { # NAME…
  local name urls=()
  for name in "$@"; do urls+=("$("${name}_ready_url")"); done
  answer "${urls[@]}" || return 1
  [ "$upgrade_check" = ready ] || is_healthy --no-gateway
}

# Run the gateway as its unit does, but on an unpublished port and with its own spool, so that it accepts nothing.
gateway_works() {
  local port works=yes drop_in=$units/advent-gateway.service.d/trial.conf
  port=$("$current/bin/python" -c 'import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    print(free.getsockname()[1])')
  mkdir -p "$(dirname "$drop_in")"
  printf '%s\n' GATEWAY_HOST=127.0.0.1 "GATEWAY_PORT=$port" "DATA_DIR=$data/gateway-trial" > "$etc/gateway-trial.env"
  printf '%s\n' '[Service]' "EnvironmentFile=$etc/gateway-trial.env" > "$drop_in"
  system daemon-reload
  system start advent-gateway.service
  until_true "$patience" answer "http://127.0.0.1:$port/ready" || works=no
  end_trial
  [ "$works" = yes ]
}

# Also remove what a killed run has left.
end_trial() {
  system stop advent-gateway.service
  rm -f "$units/advent-gateway.service.d/trial.conf" "$etc/gateway-trial.env"
  rm -rf "$data/gateway-trial"
  system daemon-reload
}

open_gateway() {
  note_upgrade open || return 1
  start_services start gateway
  until_true "$patience" ready
}

# Print the copy of the store from before the upgrade; print nothing when the format did not change. It is the oldest
# copy, because several attempts may each have made one.
kept_copy() {
  [ -d "$data/backups" ] || return 0
  find "$data/backups" -maxdepth 1 -name 'store-format-*.dump' -newermt "@$upgrade_began" -printf '%T@ %p\n' |
    sort -n | head -n 1 | cut -d ' ' -f 2-
}

leave_release() { # NAME
  local problem="$1 did not become healthy within $patience s"
  [ "$upgrade_from" != "$1" ] || die "$problem: journalctl --namespace=advent --lines=100"
  # In both cases the copy is no longer complete.
  if [ -n "$(kept_copy)" ] && { [ "$upgrade_stage" = open ] || [ "$(standing_pause)" = none ]; }; then
    die "$problem, but its gateway or its sending was started, so the copy of the store is not put back:" \
      "journalctl --namespace=advent --lines=100"
  fi
  warn "$problem; going back to $upgrade_from"
  # The next run will build it again.
  rm -f "$releases/$1/complete"
  go_back
  die "$1 was not healthy, and $upgrade_from runs again; nothing is lost. Logs: journalctl --namespace=advent --lines=100"
}

go_back() {
  local names
  note_upgrade back
  stop_services
  end_trial
  put_store_back
  switch_to "$upgrade_from"
  put_settings_back
  write_units
  # From here on the copy must not be restored again: the older release accepts signups.
  end_upgrade
  start_store
  mapfile -t names < <(processes)
  start_services start "${names[@]}"
  start_timers
  until_true "$back_patience" ready ||
    die "$upgrade_from does not become ready either: journalctl --namespace=advent --lines=100"
}

# Only the newer release can read a migrated store; until it is current, nothing has been migrated.
put_store_back() {
  local copy
  [ "$(current_release)" != "$upgrade_from" ] || return 0
  start_store
  until_true "$store_patience" store_answers || die "the store does not answer: journalctl --namespace=advent --lines=100"
  copy=$(kept_copy)
  if [ -z "$copy" ]; then
    [ "$(standing_pause)" != ours ] || end_own_pause || warn "sending is still paused: sudo advent resume --keep-holds"
  elif advent migrate --restore "$copy" > /dev/null; then
    did "the store is restored from $copy"
  else
    die "the store could not be restored from $copy (see above)"
  fi
}
