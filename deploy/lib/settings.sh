# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Settings are in advent.env, from which systemd passes each process those that it needs. Each secret has its own file.
# Only root can read them.

secret_names=(SECRET_KEY CONSOLE_TOKEN WEBHOOK_SECRET CALCOM_WEBHOOK_SECRET RESEND_WEBHOOK_SECRET
  RESEND_API_KEY TWILIO_AUTH_TOKEN NOTION_TOKEN CALCOM_API_KEY HOT_LEAD_WEBHOOK_URL HEALTHCHECK_PING_URL)

# Sets settings_given: the lines of the given file or of ours, as Advent reads them. The release's Python reads them.
read_settings() { # RELEASE
  local from=$etc/advent.env
  if [ -n "$env_file" ]; then from=$env_file; elif [ ! -f "$from" ]; then from=$here/../.env.example; fi
  settings_given=$("$releases/$1/bin/python" "$here/lib/env_file.py" "$from") ||
    die "the settings cannot be read (see above); those in use were not changed"
}

# The given file replaces ours, but a secret or a PUBLIC_URL that it leaves out keeps its value.
write_settings() {
  local file=$etc/advent.env name names url
  for name in "${secret_names[@]}"; do keep_secret "$name" "$(value_given "$name")"; done
  make_secret SECRET_KEY "$(openssl rand -hex 32)"
  make_secret CONSOLE_TOKEN "$(openssl rand -hex 24)"
  if ! grep -q '^PUBLIC_URL=' <<< "$settings_given"; then
    url=$(grep '^PUBLIC_URL=' "$file" 2> /dev/null || true)
    if [ -z "$url" ] && [ -n "$domain" ]; then url=PUBLIC_URL=https://$domain; fi
    settings_given+=${url:+$'\n'$url}
  fi
  names=$(IFS='|' && echo "${secret_names[*]}")
  write_file "$file" 600 < <(grep -vE "^(DATA_DIR|$names)=" <<< "$settings_given")
  write_credentials
}

# Keep a copy of settings and secrets for a rollback. The copy of an interrupted upgrade stays: it is from before it.
keep_settings_aside() {
  [ ! -d "$settings_aside" ] || return 0
  rm -rf "$settings_aside.new"
  (umask 077 && mkdir "$settings_aside.new")
  cp -a "$etc/advent.env" "$secrets" "$settings_aside.new/"
  sync "$settings_aside.new"/* && mv "$settings_aside.new" "$settings_aside"
}

# There is no moment without a secret, because a missing one would be generated anew.
put_settings_back() {
  local file
  [ -d "$settings_aside" ] || return 0
  cp -a --remove-destination "$settings_aside/advent.env" "$settings_aside/secrets" "$etc/"
  for file in "$secrets"/*; do
    [ -f "$settings_aside/secrets/${file##*/}" ] || rm -f "$file"
  done
  write_credentials
}

# The value of a setting in settings_given, without the quotes of env_file.py.
value_given() { # NAME
  local value
  value=$(sed -n "s/^$1=//p" <<< "$settings_given")
  [[ $value =~ ^\'(.*)\'$ || $value =~ ^\"(.*)\"$ ]] && value=${BASH_REMATCH[1]}
  printf '%s' "$value"
}

keep_secret() { # NAME VALUE
  [ -z "$2" ] || write_file "$secrets/$1" 400 <<< "$2"
}

make_secret() { # NAME VALUE
  [ -s "$secrets/$1" ] || write_file "$secrets/$1" 400 <<< "$2"
}

# systemd reads each secret as root and shows it only to this process, in a private folder (%d).
write_credentials() {
  local unit
  for unit in gateway worker console watch; do
    write_file "$units/advent-$unit.service.d/secrets.conf" 644 < <(credentials "$unit")
  done
}

# A process learns of the other secrets only that they are set.
needed_secrets() { # UNIT
  case $1 in
    gateway) echo SECRET_KEY WEBHOOK_SECRET CALCOM_WEBHOOK_SECRET RESEND_WEBHOOK_SECRET TWILIO_AUTH_TOKEN ;;
    worker) echo SECRET_KEY RESEND_API_KEY TWILIO_AUTH_TOKEN NOTION_TOKEN CALCOM_API_KEY HOT_LEAD_WEBHOOK_URL HEALTHCHECK_PING_URL ;;
    console) echo SECRET_KEY CONSOLE_TOKEN ;;
    watch) echo SECRET_KEY ;;
  esac
}

credentials() { # UNIT
  local name needed
  needed=" $(needed_secrets "$1") "
  echo "# Written by install.sh from the files in $secrets; run it again after adding one."
  echo "[Service]"
  for name in "${secret_names[@]}"; do
    [ -s "$secrets/$name" ] || continue
    if [[ $needed == *" $name "* ]]; then
      echo "LoadCredential=$name:$secrets/$name"
      echo "Environment=${name}_FILE=%d/$name"
    else
      echo "Environment=${name}_FILE=elsewhere"
    fi
  done
}
