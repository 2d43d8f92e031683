# Shows pvekit at work on a simulated site: builds a template, creates four VMs, lists them.
# Run by `make demo`. Leaves nothing behind.
set -eu

dir=$(mktemp -d)
export PVEKIT_CONFIG="$dir/lab/config.yaml" XDG_STATE_HOME="$dir/state"
stop() {
  pvekit-lab down --dir "$dir/lab" >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT TERM

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

show pvekit-lab up --dir "$dir/lab"
show pvekit template build
show pvekit vm create --role master --size medium
show pvekit vm create --role worker --size auto --count 3
show pvekit vm list
