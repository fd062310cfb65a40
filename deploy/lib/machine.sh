# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# What the machine needs: its system, packages and Python.

# They have the same names in Debian and Ubuntu.
packages() {
  echo python3 python3-venv openssl logrotate ca-certificates
  if [ "$nginx" = yes ] && [ -n "$domain" ]; then echo nginx; fi
  if [ "$nginx" = yes ] && [ -n "$domain" ] && [ "$certbot" = yes ] && [ -z "$certificate" ]; then echo certbot; fi
  if [ "$firewall" = yes ]; then echo ufw; fi
}

missing_packages() {
  local package
  # shellcheck disable=SC2046  # several words
  for package in $(packages); do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

install_packages_of_system() {
  local missing
  if [ -n "$prefix" ]; then
    skip "packages: a rehearsal uses those of the machine"
    return
  fi
  mapfile -t missing < <(missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  did "packages: ${missing[*]}"
}

# Sets found_python. Prefer the system's Python: the service cannot read one in a home directory (pyenv, conda).
find_python() {
  local name
  for name in "${python:-/usr/bin/python3}" /usr/bin/python3.{14,13,12,11} /usr/local/bin/python3{,.14,.13,.12,.11}; do
    if command -v "$name" > /dev/null && is_python_for_all "$name"; then
      found_python=$(command -v "$name")
      return
    fi
  done
  return 1
}

is_python_for_all() {
  "$1" -c 'import sys, venv, ensurepip
sys.exit(sys.version_info < (3, 11) or sys.base_prefix.split("/")[1] in ("root", "home"))' 2> /dev/null
}

# Print one line for each problem.
problems() {
  local id
  # shellcheck disable=SC1091  # a file of the system
  id=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}")
  [[ $id == *debian* || $id == *ubuntu* ]] || echo "this system is neither Debian nor Ubuntu: use docker-compose.yml (docs/deploy.md)"
  is_root || [ -n "$prefix" ] || echo "root is needed: sudo deploy/install.sh"
  if [ -n "$python" ] && ! is_python_for_all "$python"; then
    echo "--python: $python is older than 3.11, has no venv, or is in a home directory, which the service cannot read"
  elif ! find_python && [ -z "$(missing_packages)" ]; then
    echo "no Python 3.11 or newer: install one, or name it with --python PATH"
  fi
  [ -f "$source/pyproject.toml" ] || echo "--from: $source has no pyproject.toml; name a checkout of Advent"
  [ -z "$env_file" ] || [ -r "$env_file" ] || echo "--env-file: $env_file cannot be read; name your copy of .env.example"
  case $(uname -m) in x86_64 | aarch64) ;; *) echo "the store is not built for $(uname -m): use docker-compose.yml" ;; esac
  [ "$(free_megabytes "${prefix:-/}")" -ge 1024 ] || echo "less than 1 GB is free below ${prefix:-/}"
}

# Free space of the folder, or of its nearest existing parent.
free_megabytes() { # FOLDER
  local folder=$1
  until [ -d "$folder" ]; do folder=$(dirname "$folder"); done
  df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }'
}
