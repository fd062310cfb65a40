# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Settings are in advent.env, from which systemd passes each process those that it needs. Each secret has its own file.
# Only root can read them.

secret_names=(SECRET_KEY CONSOLE_TOKEN WEBHOOK_SECRET CALCOM_WEBHOOK_SECRET RESEND_WEBHOOK_SECRET
  RESEND_API_KEY TWILIO_AUTH_TOKEN NOTION_TOKEN CALCOM_API_KEY HOT_LEAD_WEBHOOK_URL HEALTHCHECK_PING_URL)

write_settings() {
  local file=$etc/advent.env
  if [ -n "$env_file" ]; then
    merge_settings "$env_file" "$file"
  elif [ ! -f "$file" ]; then
    write_file "$file" 600 < "$here/../.env.example"
  fi
  take_out "$file" DATA_DIR
  move_secrets "$file"
  make_secret SECRET_KEY "$(openssl rand -hex 32)"
  make_secret CONSOLE_TOKEN "$(openssl rand -hex 24)"
  if [ -n "$domain" ] && ! grep -q '^PUBLIC_URL=' "$file"; then
    printf 'PUBLIC_URL=https://%s\n' "$domain" >> "$file"
    did "PUBLIC_URL=https://$domain in $file"
  fi
  own "$file" 600 0:0
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

# The given file replaces ours. A secret that it leaves out keeps its value.
merge_settings() { # FROM TO
  local secret
  secret=$(IFS='|' && echo "${secret_names[*]}")
  {
    # Without `export`: systemd ignores such a line.
    grep -vE "^[[:space:]]*(export[[:space:]]+)?($secret)=" "$1" | sed -E 's/^[[:space:]]*export[[:space:]]+//' || true
  } > "$etc/.settings-new"
  if ! grep -q '^PUBLIC_URL=' "$etc/.settings-new" && [ -f "$2" ]; then
    grep '^PUBLIC_URL=' "$2" >> "$etc/.settings-new" || true
  fi
  write_file "$2" 600 < "$etc/.settings-new"
  rm -f "$etc/.settings-new"
  keep_secrets "$1"
}

move_secrets() { # FILE
  keep_secrets "$1"
  local name
  for name in "${secret_names[@]}"; do take_out "$1" "$name"; done
}

keep_secrets() { # FILE
  local name value
  for name in "${secret_names[@]}"; do
    value=$(sed -nE "s/^[[:space:]]*(export[[:space:]]+)?$name=//p" "$1" | tail -n 1)
    value=${value#[\"\']} value=${value%[\"\']}
    [ -z "$value" ] || write_file "$secrets/$name" 400 <<< "$value"
  done
}

take_out() { # FILE NAME
  if grep -qE "^[[:space:]]*(export[[:space:]]+)?$2=" "$1"; then
    sed -i -E "/^[[:space:]]*(export[[:space:]]+)?$2=/d" "$1"
    did "$2 is no longer in $1"
  fi
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
