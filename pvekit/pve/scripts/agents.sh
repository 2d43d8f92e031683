# agents.sh WHAT VMID...
# Asks the guest agents of many VMs at once: WHAT is ping, interfaces, hostkeys or cloudinit.
# Answers "id VMID STATUS", then "out VMID LINE" and "err VMID LINE". At most eight at a time.
what=$1
shift
question() {
  case $what in
    ping) qm agent "$1" ping ;;
    interfaces) qm agent "$1" network-get-interfaces ;;
    hostkeys) qm guest exec "$1" --timeout 10 -- sh -c 'cat /etc/ssh/ssh_host_*_key.pub' ;;
    cloudinit) qm guest exec "$1" --timeout 10 -- cloud-init status --long ;;
    *) echo "agents.sh: unknown question $what" >&2; return 2 ;;
  esac
}

say() {
  while IFS= read -r line || [ -n "$line" ]; do printf '%s %s %s\n' "$1" "$2" "$line"; done
}

dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
count=0
for id; do
  { question "$id" >"$dir/$id.out" 2>"$dir/$id.err" </dev/null; echo $? >"$dir/$id.rc"; } &
  count=$((count + 1))
  if [ $((count % 8)) = 0 ]; then wait; fi
done
wait
for id; do
  read -r status <"$dir/$id.rc"
  echo "id $id $status"
  say out "$id" <"$dir/$id.out"
  say err "$id" <"$dir/$id.err"
done
