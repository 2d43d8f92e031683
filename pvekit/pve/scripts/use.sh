# use.sh NODE VMID...
# What VMs have used over a week, the highest of each interval, and the memory that their guests
# count as used now. Reads only. Answers "rrd VMID JSON", "meminfo VMID JSON" (of `qm guest exec`).
node=$1
shift
look() {
  printf 'rrd %s ' "$1"
  pvesh get "/nodes/$node/qemu/$1/rrddata" --timeframe week --cf MAX --output-format json 2>/dev/null |
    tr -d '\n'
  echo
  printf 'meminfo %s ' "$1"
  timeout 5 qm guest exec "$1" --timeout 3 -- cat /proc/meminfo 2>/dev/null </dev/null | tr -d '\n'
  echo
}

dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
for id; do look "$id" >"$dir/$id" & done
wait
for id; do cat "$dir/$id"; done
