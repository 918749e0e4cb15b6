# Sourced by the other scripts: makes `.venv` in the checkout hold exactly what the lock files name, with whatever the
# machine has: uv, or pip and venv. Sets PYTHON to the interpreter of that environment.

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }
die() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }

apt_install() {  # PACKAGE…
  command -v apt-get >/dev/null || return 1
  is_root || return 1
  say "installing system packages: $*"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >&2
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {  # prints the first interpreter of 3.11 or newer
  local candidate prefix
  for candidate in ${EARMARK_PYTHON:-} python3 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return 0
    fi
  done
  if command -v pyenv >/dev/null; then
    for candidate in $(pyenv versions --bare 2>/dev/null | sort -rV); do
      prefix="$(pyenv prefix "$candidate")/bin/python"
      if new_enough "$prefix"; then echo "$prefix"; return 0; fi
    done
  fi
  return 1
}

# make_environment FOLDER LOCKFILE [PYTHON]
make_environment() {
  local folder="$1" lock="$2" python="${3:-}" stamp
  if [ -z "$python" ]; then
    python="$(find_python)" || { apt_install python3 python3-venv && python="$(find_python)"; } ||
      die "Earmark needs Python 3.11 or newer. Install your system's package for it (Debian, Ubuntu: python3 and python3-venv) and run this again."
  fi
  stamp="$("$python" -c 'import sys; print(sys.version)' | head -n 1) $(cat "$lock" pyproject.toml | sha256sum | cut -c1-32) $PWD"
  PYTHON="$PWD/$folder/bin/python"
  if [ -x "$PYTHON" ] && [ "$(cat "$folder/.made-of" 2>/dev/null)" = "$stamp" ]; then return 0; fi
  say "preparing $folder ($("$python" -V 2>&1)) – once"
  if command -v uv >/dev/null && uv --version >/dev/null 2>&1; then
    uv venv --quiet --clear --python "$python" "$folder"
    uv pip sync --quiet --python "$PYTHON" --require-hashes "$lock"
    uv pip install --quiet --python "$PYTHON" --no-deps -e .
  else
    rm -rf "$folder"
    "$python" -m venv "$folder" 2>/dev/null || {
      rm -rf "$folder"
      apt_install python3-venv && "$python" -m venv "$folder"
    } || die "Python's venv module is missing. Install your system's package for it (Debian, Ubuntu: python3-venv) and run this again."
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps -e . >&2
  fi
  printf '%s' "$stamp" > "$folder/.made-of"
}
