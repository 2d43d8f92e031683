# free.sh RUN VMID WHAT...
# Frees disk images of VMID that no config names: each WHAT is one volume, or a storage (then all of
# VMID on it). Only under RUN's claim of the vmid; its config must be gone, or be what a clone of RUN
# has left behind, and whoever made it must have ended.
# Refusals: exit status 96 and one line "pvekit-refused: REASON" on stderr.
run=$1 vmid=$2
shift 2

refuse() {
  echo "pvekit-refused: $1" >&2
  exit 96
}

# The Proxmox CSI plugin books the volumes of Kubernetes under this vmid.
[ "$vmid" != 9999 ] || refuse "9999 is the vmid of the volumes of Kubernetes"
claim=''
IFS= read -r claim 2>/dev/null <"/etc/pve/priv/pvekit/vmid-$vmid" || [ -n "$claim" ] ||
  refuse "nobody claims vmid $vmid: whose its volumes are cannot be told"
case $claim in *"\"run\":\"$run\""*) ;; *) refuse "vmid $vmid is claimed by another run" ;; esac

bare() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in '#'* | 'lock: '* | '') ;; *) return 1 ;; esac
  done <"$1"
}

for conf in /etc/pve/nodes/*/qemu-server/"$vmid".conf /etc/pve/nodes/*/lxc/"$vmid".conf; do
  [ -e "$conf" ] || continue
  bare "$conf" || grep -q -e "^#pvekit.* vmid=$vmid .* run=$run " \
    -e "^#pvekit.* vmid=$vmid .* run=$run\$" "$conf" ||
    refuse "VM $vmid exists and is not the work of run $run"
done
flock -n "/var/lock/qemu-server/lock-$vmid.conf" true || refuse "VM $vmid is still being made"

named() { grep -qsF -e ": $1" /etc/pve/nodes/*/qemu-server/*.conf /etc/pve/nodes/*/lxc/*.conf; }

listed() { timeout 60 pvesm list "$1" --content images --vmid "$vmid"; }

# pvesm free may fail with status 0 (a lock that timed out): what is listed still was not freed.
freed() {
  pvesm free "$1" || return
  listed "${1%%:*}" | while read -r volid _; do
    [ "$volid" != "$1" ] || exit 1
  done
}

failed=0
for what; do
  case $what in
    *:*) found=$what ;;
    *)
      found=$(listed "$what" | while read -r volid _; do
        case $volid in "$what":*) echo "$volid" ;; esac
      done) ;;
  esac
  for volid in $found; do
    case ${volid#*:} in
      "$vmid"/* | */"$vmid"/* | vm-"$vmid"-* | */vm-"$vmid"-* | base-"$vmid"-*) ;;
      *) refuse "$volid is no volume of VM $vmid" ;;
    esac
    named "$volid" || freed "$volid" || failed=$?
  done
done
exit "$failed"
