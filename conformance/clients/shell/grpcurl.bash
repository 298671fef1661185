# The gRPC front, with grpcurl. It gets the contract from the server (reflection) or from protoc's
# descriptors (protoset).

most=10 # seconds that a call without a deadline of its own may take
contract=()
if [[ $1 == protoset ]]; then
  (cd ../../../proto && protoc -I . --include_imports -o "$work/agentconf.binpb" agentconf/v1/*.proto)
  contract=(-protoset "$work/agentconf.binpb" -protoset "$AGENTCONF_RPC_PROTOSET")
fi

arguments() { # of grpcurl, quoted for the shell
  jq -r --arg address "$AGENTCONF_GRPC" --argjson most "$most" '
    ["-plaintext", "-emit-defaults", "-format-error", "-max-time", (.timeout // $most | tostring)]
    + [.metadata[] | "-H", .[0] + ": " + .[1]] + ["-d", (.request | tojson), $address, .rpc] | @sh' <<<"$1"
}

# call makes the call $1 and sets got to the result.
call() {
  local arguments give_up code=0 patience=()
  eval "arguments=($(arguments "$1"))"
  give_up=$(jq -r '.cancel_after // empty' <<<"$1")
  [[ -z $give_up ]] || patience=(timeout "$give_up")
  "${patience[@]}" bin/grpcurl "${contract[@]}" "${arguments[@]}" >"$work/reply" 2>"$work/error" || code=$?
  case $code in
  0) got=$(jq -c '{code: 0, reply: with_entries(select(.value != null))}' "$work/reply") ;; # null is unset
  124) got='{"code":1}' ;;
  *) got=$(jq -c "$details" "$work/error") ;;
  esac
}

# details parses a google.rpc.Status.
details='((.details // []) | map({key: .["@type"] | ltrimstr("type.googleapis.com/google.rpc."), value: del(.["@type"])}) | from_entries) as $d
  | { code, error_info: $d.ErrorInfo, violations: [$d.BadRequest.fieldViolations[]?.field],
      retry_delay: ($d.RetryInfo.retryDelay | if . then rtrimstr("s") | tonumber else null end) }'

watch() {
  local arguments
  eval "arguments=($(arguments "$1"))"
  rm -f "$work/stream" && mkfifo "$work/stream"
  bin/grpcurl "${contract[@]}" "${arguments[@]}" >"$work/stream" 2>&1 &
  watcher=$!
  exec 3< <(exec jq --unbuffered -c . "$work/stream")
}

# next sets got to the next message, or to the final status.
next() {
  local line
  event=
  read -r -t "$most" line <&3 || line=$(no_message $?)
  got=$(jq -c "if (.code? // null) then $details else {reply: .} end" <<<"$line")
}

stop() {
  [[ -n ${watcher-} ]] || return 0
  kill "$watcher" 2>/dev/null || true
  watcher=
}
