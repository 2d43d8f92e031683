# use.sh NODE TIMEFRAME-OF-8 TIMEFRAME-OF-9 VMID...
# What VMs have used, the highest of each interval of a timeframe of `rrddata` (Proxmox VE 9 keeps
# others than 8 does), and the memory that their guests count as used now. Reads only.
# Answers "rrd VMID JSON", "meminfo VMID JSON" (of `qm guest exec`). At most eight at a time.
node=$1
of8=$2
of9=$3
shift 3
look() {
  timeframe=$of9
  if grep -qs "^pve2[^/]*/$1:" /etc/pve/.rrd; then timeframe=$of8; fi
  printf 'rrd %s ' "$1"
  pvesh get "/nodes/$node/qemu/$1/rrddata" --timeframe "$timeframe" --cf MAX \
    --output-format json 2>/dev/null | tr -d '\n' |
    sed -E 's/"(disk[a-z]*|maxdisk|net[a-z]*|memhost|pressure(cpu|io)[a-z]*|pressurememorysome)":[^,}]*,?//g; s/,\}/}/g'
  echo
  printf 'meminfo %s ' "$1"
  timeout 5 qm guest exec "$1" --timeout 3 -- cat /proc/meminfo 2>/dev/null </dev/null |
    head -c 65536 | tr -d '\n'
  echo
}

each look "$@"
