# Functions of .ci/docs, .ci/page and .ci/restart, which source this file.

# install_browser installs Chromium and npm, unless they are there.
install_browser() {
  local missing=()
  command -v npm >/dev/null || missing+=(nodejs npm)
  command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"
  fi
}

# start_demo starts agentconf demo --stay as the process $demo, which ends with the script. It waits until
# the file $story has all that the demo prints.
start_demo() {
  story=$(mktemp)
  agentconf demo --stay >"$story" &
  demo=$!
  trap 'kill "$demo" 2>/dev/null || true; rm -f "$story"' EXIT
  until grep -q '^curl .*/emulator/log$' "$story"; do
    kill -0 "$demo" || { cat "$story"; return 1; }
    sleep 0.1
  done
}

# stop_demo ends the demo, and fails if the demo has failed.
stop_demo() {
  kill -TERM "$demo"
  wait "$demo"
}
