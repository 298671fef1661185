#!/bin/sh
# Runs when the files are installed: by dpkg with "configure" and the old version, by rpm with the number
# of installed versions. It starts nothing. It restarts a running service if the new program accepts the
# settings of that process.
set -e
[ -d /run/systemd/system ] || exit 0 # in a container or a chroot
systemctl daemon-reload
if ! systemctl --quiet is-active agentconf.service; then
  case "$1:$2" in
    configure: | 1:)
      echo 'agentconf is not started yet. Set AGENTCONF_GATEWAY in /etc/agentconf/agentconf.env,'
      echo 'then run "systemctl enable --now agentconf".'
      ;;
  esac
  exit 0
fi
process=/proc/$(systemctl show --property=MainPID --value agentconf.service)
if { cat "$process/environ" "$process/cmdline"; printf -- '--print-config\0'; } | xargs -0 env -i >/dev/null; then
  systemctl try-restart agentconf.service ||
    echo 'agentconf did not start again. See "journalctl -u agentconf".' >&2
else
  echo 'agentconf was not restarted, because the new version rejects its settings (see above). The old process' >&2
  echo 'continues. Correct /etc/agentconf/agentconf.env, then run "systemctl restart agentconf".' >&2
fi
