# Debian packages without touching the system: a private apt state, unpacked into a folder.
# Sourced by script/setup.

# The archive this machine already uses, so that a local mirror stays in charge.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's#^(URIs:|deb( +\[[^]]*\])?) +([^ ]+/debian)/?( .*)?$#\3#p' | sort -u | grep -m 1 .
}

# debian_unpack PREFIX SUITE STATUS PACKAGE...: the packages from SUITE, with whatever they need
# that the dpkg status file STATUS does not have (/dev/null: everything), unpacked into PREFIX.
debian_unpack() {
  local prefix=$1 suite=$2 status=$3 mirror state deb
  shift 3
  mirror=$(debian_mirror) || true
  [[ -n $mirror ]] || { echo "no Debian archive in this machine's apt sources"; return 1; }
  state=$(mktemp -d)
  mkdir -p "$state"/{lists,archives}/partial "$prefix"
  cp "$status" "$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    >"$state/sources.list"
  local apt=(
    apt-get -q -y -o "Dir::State=$state" -o "Dir::State::status=$state/status"
    -o "Dir::Cache=$state" -o "Dir::Etc::sourcelist=$state/sources.list"
    -o "Dir::Etc::sourceparts=-" -o "APT::Sandbox::User=$(id -un)"
    -o "Acquire::Languages=none"
  )
  # Whoever configured hooks on the system's apt did not mean this one.
  cat >"$state/apt.conf" <<<'#clear APT::Update::Post-Invoke-Success; #clear DPkg::Post-Invoke;'
  export APT_CONFIG=$state/apt.conf
  "${apt[@]}" update &&
    "${apt[@]}" --no-install-recommends --download-only install "$@" &&
    for deb in "$state"/archives/*.deb; do dpkg -x "$deb" "$prefix" || break; done
  local result=$?
  unset APT_CONFIG
  rm -rf "$state"
  return $result
}
