# agents.sh WHAT VMID...
# Asks the guest agents of many VMs at once: WHAT is sight, interfaces or hostkeys.
# Answers "id VMID STATUS", then "out VMID LINE" and "err VMID LINE". At most eight at a time.
keys='cat /etc/ssh/ssh_host_*_key.pub'
# A guest that boots is waited for where that costs the node nothing: inside.
address='n=0
until ip addr | grep -q "scope global" || [ $n = 6 ]; do n=$((n + 1)); sleep 0.5; done
ip addr'
what=$1
shift
question() {
  case $what in
    sight) qm guest exec "$1" --timeout 10 -- sh -c "$address; $keys" ;;
    interfaces) qm agent "$1" network-get-interfaces ;;
    hostkeys) qm guest exec "$1" --timeout 10 -- sh -c "$keys" ;;
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
