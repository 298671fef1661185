# The JSON fronts, with curl.

most=10 # seconds that a call may take

arguments() { # of curl, quoted for the shell
  jq -r --arg base "$AGENTCONF_HTTP" '
    ["-sS", "--path-as-is", "-X", .method, $base + .path, "-H", "Content-Type:"]
    + [.headers[] | "-H", if .[1] == "" then .[0] + ";" else .[0] + ": " + .[1] end]
    + (if .body then ["--data-binary", .body] else [] end) | @sh' <<<"$1"
}

# call makes the call $1 and sets got to the result.
call() {
  local arguments give_up code=0
  eval "arguments=($(arguments "$1"))"
  give_up=$(jq -r '.cancel_after // empty' <<<"$1")
  curl "${arguments[@]}" -m "${give_up:-$most}" -o "$work/body" -D "$work/headers" || code=$?
  case $give_up/$code in
  /0) got=$(answer) ;;
  ?*/28) got='{}' ;;
  *) got="{\"reply\":\"curl: exit code $code\"}" ;;
  esac
} 2>"$work/errors"

answer() {
  jq -cn --rawfile headers "$work/headers" --rawfile body "$work/body" '
    ($headers | split("\r\n")) as [$line, $rest] | ($body | fromjson) as $reply
    | { status: ($line | split(" ")[1] | tonumber), reply: $reply, headers: (
          $headers | split("\r\n")[1:] | map(capture("^(?<key>[^:]+): *(?<value>.*)$") | .key |= ascii_downcase) | from_entries) }
    + ($reply | '"$details"')'
}

# details parses a google.rpc.Status. It returns nothing for any other reply.
details='if .details then
  (.details | map({key: .["@type"] | ltrimstr("type.googleapis.com/google.rpc."), value: del(.["@type"])}) | from_entries) as $d
  | { code, error_info: $d.ErrorInfo, violations: [$d.BadRequest.fieldViolations[]?.field],
      retry_delay: ($d.RetryInfo.retryDelay | if . then rtrimstr("s") | tonumber else null end) }
  else {} end'

watch() {
  local arguments
  eval "arguments=($(arguments "$1"))"
  exec 3< <(exec curl -N "${arguments[@]}")
  watcher=$!
}

# next sets event and got to the next event, or got to the final status.
next() {
  local line data= code=0
  event=message
  while read -r -t "$most" line <&3 || { code=$?; [[ $code == 1 && -n $line ]]; }; do
    case $line in
    event:*) event=${line#event: } ;;
    data:*) data=${line#data: } ;;
    \{*) event=ended data=$line && break ;; # an ordinary error: no stream has begun
    '') [[ -z $data ]] || break ;;
    esac
  done
  if [[ $event == ended ]]; then got=$(jq -c "$details" <<<"$data"); else got="{\"reply\":${data:-$(no_message $code)}}"; fi
}

stop() {
  [[ -n ${watcher-} ]] || return 0
  kill "$watcher" 2>/dev/null || true
  watcher=
}
