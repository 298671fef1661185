#!/bin/sh
# Stops and disables the service when the package is removed, and not when it is upgraded: dpkg passes
# "remove", rpm the number of versions that stay.
set -e
[ -d /run/systemd/system ] || exit 0
case $1 in
  remove | 0) systemctl disable --now agentconf.service ;;
esac
