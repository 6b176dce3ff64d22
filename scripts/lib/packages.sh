# The Debian packages that the build needs. To be sourced after common.sh.
# shellcheck shell=bash

# Prints the needed packages that are not installed, one a line.
missing_packages() {
  local needed=(g++ cmake ninja-build ccache libcxxopts-dev nlohmann-json3-dev libspdlog-dev
    libgtest-dev libbenchmark-dev libxxhash-dev zlib1g-dev libjemalloc-dev python3-venv)
  local installed package
  # dpkg-query fails when it does not know one of the names, which is no error here.
  installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${needed[@]}" \
    2>/dev/null || true)
  for package in "${needed[@]}"; do
    grep -qxF "$package installed" <<<"$installed" || echo "$package"
  done
}

# Installs what is missing. Neither root nor the network is needed where nothing is.
install_packages() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null; then
    die 2 "this system has no dpkg: the set-up is written for Debian 12 and Ubuntu 24.04, use one" \
      "of them, for example in a container."
  fi
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} > 0)) || return 0
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      die 2 "these packages are missing and installing them needs root: run" \
        "'sudo apt-get update && sudo apt-get install -y ${missing[*]}', then this script again."
    fi
    as_root=(sudo -n)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  say "installing Debian packages: ${missing[*]}"
  # apt-get update succeeds with old lists where the network is down; the installation then fails.
  if ! "${as_root[@]}" update >&2 ||
    ! "${as_root[@]}" install -y --no-install-recommends "${missing[@]}" >&2; then
    die 1 "apt-get could not install ${missing[*]} (its reason is above): check the network and" \
      "the disk, then run this script again."
  fi
}
