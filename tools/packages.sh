# shellcheck shell=bash disable=SC2034,SC2154 # the scripts that source this use the lists, set $root
# Sourced by tools/dream and tools/test: Debian packages, installed only where something is missing.
# What is needed is named by what it gives (command:, module: of pkg-config, file:, package:) and the
# package that gives it, so that what came from elsewhere counts too. Nothing else of the system is
# touched: no source is added, no list refreshed unless there is something to install.

needed_to_build=(
  command:cmake=cmake command:make=make command:cc=gcc file:/usr/include/stdio.h=libc6-dev
  command:pkg-config=pkg-config command:glslc=glslc command:spirv-val=spirv-tools
  module:vulkan=libvulkan-dev file:/usr/include/volk.h=libvulkan-volk-dev
  module:libpng=libpng-dev module:libjpeg=libjpeg62-turbo-dev module:jansson=libjansson-dev
  module:libmd=libmd-dev module:hdf5=libhdf5-dev module:libmicrohttpd=libmicrohttpd-dev
)
needed_to_dream=(
  "file:/usr/share/vulkan/icd.d/*.json=mesa-vulkan-drivers"
)
needed_for_weights=(
  command:npm=npm
)
needed_to_test=(
  "command:c++=g++" module:criterion=libcriterion-dev package:mesa-vulkan-drivers
  package:vulkan-validationlayers package:python3 package:python3-numpy package:python3-h5py
  file:/usr/include/frei0r.h=frei0r-plugins-dev command:ffmpeg=ffmpeg command:melt=melt
)
# What some tests look at an installation with, or lend devices out of; they are skipped without.
wanted_to_test=(
  module:libplacebo=libplacebo-dev module:libavutil=libavutil-dev module:sdl2=libsdl2-dev
  command:Xvfb=xvfb
  command:doxygen=doxygen command:abidw=abigail-tools command:lintian=lintian command:mandoc=mandoc
  command:groff=groff command:mmdebstrap=mmdebstrap command:zsh=zsh command:fish=fish
  file:/usr/share/i18n/locales/de_DE=locales package:python3-opencv
)

is_present() {
  local name=${1#*:}
  case $1 in
    command:*) command -v "$name" ;;
    module:*) pkg-config --exists "$name" ;;
    file:*) compgen -G "$name" ;;
    package:*) [[ $(dpkg-query -W -f '${db:Status-Status}' "$name") == installed ]] ;;
  esac > /dev/null 2>&1
}

# Runs a command as root: as it is, or through sudo.
as_root() {
  if (( EUID == 0 )); then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    echo "to run as root, since there is no sudo here: $*" >&2
    return 1
  fi
}

# install_missing NEED... installs what is not there, and says so.
install_missing() {
  local need packages=()
  for need; do
    if ! is_present "${need%%=*}"; then
      packages+=("${need##*[=:]}")
    fi
  done
  if (( ${#packages[@]} == 0 )); then
    return 0
  fi
  if ! command -v apt-get > /dev/null; then
    echo "missing here (by their Debian names): ${packages[*]}; install them, then try again" >&2
    return 1
  fi
  echo "installing Debian packages: ${packages[*]}" >&2
  local log
  log=$(mktemp)
  if ! { as_root apt-get -q update && as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install --yes --no-install-recommends "${packages[@]}"; } > "$log" 2>&1; then
    cat "$log" >&2
    rm "$log"
    return 1
  fi
  rm "$log"
}

# download_package NAME fetches a .deb into the current folder without installing it.
download_package() {
  local options=(-q)
  if (( EUID == 0 )); then
    options+=(-o APT::Sandbox::User=root) # else apt warns about every folder of root's
  fi
  apt-get "${options[@]}" download "$1" >&2 ||
    { as_root apt-get -q update >&2 && apt-get "${options[@]}" download "$1" >&2; }
}

# fetch_compiler obtains a glslc for the matrix units' shaders into drivers/, unless the system's knows
# them. The build goes on without, and says what it leaves out.
fetch_compiler() {
  if [[ ! -e $root/drivers/glslc/version ]] && ! glslc --target-env=vulkan1.3 -o /dev/null \
    "$root/shaders/probe/coopmat2.comp" 2> /dev/null; then
    "$root/tools/fetch-drivers" glslc
  fi
}

# configure_and_build FOLDER OPTION... builds the checkout $root in FOLDER with these CMake options.
# A folder that was configured elsewhere (a copied or moved checkout) is configured afresh.
configure_and_build() {
  local folder=$1 fresh=()
  shift
  if ! grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  fetch_compiler
  mkdir -p "$folder"
  if ! { cmake "${fresh[@]}" -S "$root" -B "$folder" "$@" &&
    cmake --build "$folder" --parallel "$(nproc)"; } > "$folder/build.log" 2>&1; then
    cat "$folder/build.log" >&2
    echo "building failed, see above (or $folder/build.log)" >&2
    return 1
  fi
}

# fetch_weights PROGRAM obtains the default weights unless there are some already.
fetch_weights() {
  local file
  for file in "${REVERIE_WEIGHTS:-}" \
    "${XDG_DATA_HOME:-${HOME:-}/.local/share}/reverie/inception_v3.safetensors" \
    "$root/weights/inception_v3.safetensors"; do
    if [[ -n $file && -e $file ]]; then
      return 0
    fi
  done
  install_missing "${needed_for_weights[@]}" && "$root/tools/fetch-weights" "$1" >&2
}
