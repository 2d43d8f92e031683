# first-boot.sh VMID SECONDS BEGUN WORD...
# Starts a VM that is to customise itself, waits until it has powered itself off, then runs the
# words. That it was itself, and that it had finished, its serial console tells: it must have said
# "pvekit-finished". A VM that says "pvekit-failed" is not waited for any longer.
# The file BEGUN tells that the first boot was begun. One that was broken off (the node lost its
# power, say) is no first boot any more: "pvekit-spoilt: REASON" on stderr.
vmid=$1 seconds=$2 begun=$3
shift 3
console=$(mktemp) || exit
trap 'rm -f "$console"' EXIT

runs() {
  pid=''
  [ -e "/run/qemu-server/$vmid.pid" ] && read -r pid <"/run/qemu-server/$vmid.pid"
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

told() { grep -aq "$1" "$console"; }

fail() {
  tail -n 25 "$console" >&2
  echo "$1" >&2
  exit 1
}

if ! runs; then
  if [ -e "$begun" ]; then
    echo "pvekit-spoilt: the first boot of VM $vmid was broken off" >&2
    exit 1
  fi
  : >"$begun" || exit
  qm start "$vmid" || {
    status=$?
    rm -f "$begun"
    exit $status
  }
fi
socat -u "UNIX-CONNECT:/run/qemu-server/$vmid.serial0" STDOUT >"$console" 2>/dev/null </dev/null &
while runs; do
  told pvekit-failed && fail "the recipe failed in VM $vmid; above are its last words"
  [ "$seconds" -gt 0 ] || fail "VM $vmid has not powered itself off in time"
  sleep 2
  seconds=$((seconds - 2))
done
wait
told pvekit-finished || fail "VM $vmid was powered off before it had finished itself"
"$@"
