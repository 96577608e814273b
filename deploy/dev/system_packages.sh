#!/bin/sh
# Gets what tests need of the system's packages, without installing anything: Debian's packages are taken apart under
# build/system. Where that cannot be, it says so and the tests that need it are skipped.
set -u
here=$(pwd)/build/system
mkdir -p "$here"

get() { # package, and a file of it
  [ -e "/$2" ] || [ -e "$here/$2" ] || command -v "${2##*/}" >/dev/null 2>&1 && return
  if command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1; then
    (cd "$here" && timeout 120 apt-get -qq download "$1" 2>/dev/null) ||
      { [ "$(id -u)" = 0 ] && timeout 120 apt-get -qq update && (cd "$here" && timeout 120 apt-get -qq download "$1"); }
    for file in "$here/$1"_*.deb; do [ -e "$file" ] && dpkg-deb -x "$file" "$here"; done
  fi
  [ -e "$here/$2" ] || echo "${2##*/} is not here and cannot be had: tests that need it are skipped"
}

get prometheus usr/bin/promtool
get nginx usr/sbin/nginx
get libnginx-mod-stream usr/lib/nginx/modules/ngx_stream_module.so
libraries=usr/lib/$(uname -m)-linux-gnu
get pgbouncer usr/sbin/pgbouncer
get libevent-2.1-7 "$libraries/libevent-2.1.so.7"
get libc-ares2 "$libraries/libcares.so.2"
