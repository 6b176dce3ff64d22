# The Python environment: LibTorch and the packages of the scripts, in a cache folder that all
# clones share. To be sourced after common.sh.
#
# An environment is named by the hash of its lock file, so a changed lock file makes a new one and
# clones of different ages do not disturb each other. Kinds:
#   small    requirements/small.lock: builds and runs the C++ programs on the CPU
#   full     requirements/full.lock: also CUDA builds, and torch and torch_geometric in Python
#   scripts  small.lock without torch, for those who bring their own LibTorch (HGNN_MOE_TORCH)
# shellcheck shell=bash

: "${root:?common.sh is to be sourced first}"

# environment_lock KIND: the lock file that names the environment.
environment_lock() {
  case $1 in
    scripts) echo "$root/requirements/small.lock" ;;
    *) echo "$root/requirements/$1.lock" ;;
  esac
}

# environment_folder KIND
environment_folder() {
  local cache hash
  [[ -n ${HGNN_MOE_CACHE:-}${XDG_CACHE_HOME:-}${HOME:-} ]] ||
    die 2 "HOME is not set, so there is no cache folder: set HGNN_MOE_CACHE to one."
  cache=${HGNN_MOE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hgnn_moe}
  hash=$(sha256sum <"$(environment_lock "$1")")
  echo "$cache/venv-$1-${hash:0:12}"
}

# environment_complete FOLDER: finished, and its Python interpreter was not removed since.
environment_complete() { [[ -e $1/.complete && -x $1/bin/python ]]; }

# A Python that can make the environment: the user's own, else the system's.
find_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    # The wheels of the lock files exist for these versions; Debian splits off ensurepip.
    if "$candidate" -c 'import ensurepip, sys, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die 2 "python3 is $(python3 --version 2>&1 || true), and neither it nor /usr/bin/python3 is" \
    "version 3.11 to 3.14 with venv: put such a Python first in PATH (Debian 12 has 3.11)."
}

# require_disk_space KIND FOLDER: room for the installed packages and, meanwhile, their wheels.
require_disk_space() {
  local need_mb available_mb
  case $1 in
    scripts) need_mb=300 ;;
    small) need_mb=2000 ;;
    full) need_mb=8000 ;;
  esac
  available_mb=$(df --block-size=1M --output=avail -- "$2" | tail -n 1)
  if ((available_mb < need_mb)); then
    die 7 "$2 has $((available_mb)) MB free and the $1 environment needs $need_mb MB while it is" \
      "installed: free some, or set HGNN_MOE_CACHE to a folder on a larger disk."
  fi
}

# pip_install KIND FOLDER: installs the pins into the environment, or says why it could not.
pip_install() {
  local kind=$1 folder=$2
  local requirements=$folder/requirements.txt log=$folder.log wheels=$folder/tmp pip python_version
  local network_errors='NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout'
  network_errors+='|ProxyError|ConnectionResetError|IncompleteRead|SSLError|Max retries exceeded'
  # Settings that would install elsewhere, something else or nothing; those that say where
  # packages come from (index, proxy, certificates) stay.
  pip=(env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PIP_USER -u PIP_DRY_RUN -u PIP_PYTHON
    -u PIP_REQUIRE_HASHES -u PIP_CONSTRAINT -u PIP_NO_BINARY -u PIP_PLATFORM -u PIP_PYTHON_VERSION
    TMPDIR="$wheels" "$folder/bin/python" -I -m pip install --no-input --no-user --no-deps
    --only-binary :all: --quiet --disable-pip-version-check --retries 5 --log "$log"
    --requirement "$requirements")
  [[ -t 2 ]] || pip+=(--progress-bar off)

  case $kind in
    scripts) grep -vE '^(torch|nvidia-)' "$(environment_lock scripts)" >"$requirements" ;;
    *) cp -- "$(environment_lock "$kind")" "$requirements" ;;
  esac
  mkdir -- "$wheels"
  rm -f -- "$log"
  if "${pip[@]}" >&2; then
    rm -rf -- "$wheels" "$log"
    return
  fi
  python_version=$("$folder/bin/python" --version)
  rm -rf -- "$folder"
  if grep -qF 'No space left on device' "$log"; then
    die 7 "the disk of $folder is full: free some space, or set HGNN_MOE_CACHE to a folder on a" \
      "larger disk."
  elif grep -qE "$network_errors" "$log"; then
    die 1 "the Python packages could not be downloaded (pip's log is $log): check the network," \
      "the proxy and pip's index setting, then run this script again."
  elif grep -qF 'No matching distribution found' "$log"; then
    die 2 "pip's index lacks a package of $(environment_lock "$kind") for" \
      "$python_version on $(uname -m) (pip's log is $log): use an index that has it, or another" \
      "Python from 3.11 to 3.14."
  fi
  die 1 "pip failed, and its log is $log: mend what its last lines name, then run this script" \
    "again."
}

# create_environment KIND: makes the environment unless it is there; safe to run side by side.
create_environment() {
  local kind=$1 folder cache python lock
  folder=$(environment_folder "$kind")
  if environment_complete "$folder"; then return; fi
  python=$(find_python)
  cache=$(dirname -- "$folder")
  if ! mkdir -p -- "$cache" || [[ ! -w $cache ]]; then
    die 7 "the cache folder $cache cannot be written: set HGNN_MOE_CACHE to one that can."
  fi

  exec {lock}>"$folder.lock"
  if ! flock --nonblock "$lock"; then
    say "another bootstrap is making $folder: waiting for it"
    flock "$lock"
  fi
  if environment_complete "$folder"; then return; fi
  require_disk_space "$kind" "$cache"
  say "making the $kind Python environment in $folder"
  # A folder without its mark is what an interrupted run left.
  rm -rf -- "$folder"
  "$python" -m venv -- "$folder"
  pip_install "$kind" "$folder"
  "$folder/bin/python" -I -c 'import matplotlib, numpy, safetensors, tokenizers'
  "$folder/bin/python" --version >"$folder/.complete"
  exec {lock}>&-
}
