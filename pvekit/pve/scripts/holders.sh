# holders.sh VMID...
# Says what may hold a lock on this node: "lock VMID VALUE" for each of these VMs that has one in its
# configuration, and "task UPID" for each task that is at work here.
for id; do
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      '['*) break ;;
      'lock: '*) echo "lock $id ${line#lock: }" ;;
    esac
  done 2>/dev/null <"/etc/pve/qemu-server/$id.conf"
done
while read -r upid saved ended rest; do
  [ -z "$ended" ] || continue
  pid=${upid#UPID:*:}
  pid=${pid%%:*}
  case $pid in '' | *[!0-9A-F]*) continue ;; esac
  if [ -e "/proc/$((0x$pid))" ]; then echo "task $upid"; fi
done 2>/dev/null </var/log/pve/tasks/active
exit 0
