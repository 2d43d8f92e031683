# each FUNCTION VMID...
# Calls a function for each VM, at most eight at a time; prints what they print, VM after VM.
# Part of other scripts.
each() {
  one=$1
  shift
  dir=$(mktemp -d) || exit
  trap 'rm -rf "$dir"' EXIT
  count=0
  for id; do
    "$one" "$id" >"$dir/$id" &
    count=$((count + 1))
    if [ $((count % 8)) = 0 ]; then wait; fi
  done
  wait
  for id; do cat "$dir/$id"; done
}

