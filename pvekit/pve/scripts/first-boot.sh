# first-boot.sh VMID SECONDS WORD...
# Starts a VM, waits until its guest has powered it off, then runs the words.
vmid=$1 seconds=$2
shift 2
pidfile=/run/qemu-server/$vmid.pid
[ -e "$pidfile" ] || qm start "$vmid" || exit
while [ -e "$pidfile" ]; do
  if [ "$seconds" -le 0 ]; then
    echo "VM $vmid has not powered itself off: look at its console with \`qm terminal $vmid\`" >&2
    exit 1
  fi
  sleep 2
  seconds=$((seconds - 2))
done
exec "$@"
