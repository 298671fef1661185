# Prints the differences between $want and $got, one a line. Keys that $want lacks are not compared.

def has_all($want):
  . as $got
  | if ($want | type) == "object" then type == "object" and all($want | keys[]; . as $key | $got[$key] | has_all($want[$key]))
    else . == $want end;

$want | to_entries[] | . as {$key, $value}
| (if $key == "has" or $key == "message_names" then $got.reply else $got[$key] end) as $is
| select((
    if $key == "has" then $is | has_all($value)
    elif $key == "message_names" then all($value[]; . as $name | $is.message // "" | contains($name))
    elif $key == "headers" then all($value | to_entries[]; $is[.key | ascii_downcase] == .value)
    else $is == $value end) | not)
| "\($key) should be \($value | tojson), got \($is | tojson)"
