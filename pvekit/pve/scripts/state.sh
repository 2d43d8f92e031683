# state.sh VMID...
# Prints the configs of these VMs, on whichever node of the PVE cluster they are, and all claims, as
# "PATH:LINE"; and "running VMID PID.START" for those that run on this node: the emulator's process and
# when it was started, which together are another one after each start. "end" is the last line, and
# missing where the cluster file system was not there: an empty answer would say that no VM is.
since() {
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  set -- ${stat##*) }
  start=${20}
}

[ -d /etc/pve/local/ ] || exit 0
for id; do
  grep -aHs '' /etc/pve/nodes/*/qemu-server/"$id".conf
  pid=''
  [ -e "/run/qemu-server/$id.pid" ] && read -r pid <"/run/qemu-server/$id.pid"
  if [ -n "$pid" ] && tr '\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -e " -id $id "; then
    start=''
    since "$pid"
    echo "running $id $pid.$start"
  fi
done
grep -aHs '' /etc/pve/priv/pvekit/*
for path in /etc/pve/priv/pvekit/*; do
  if [ -e "$path" ] && [ ! -s "$path" ]; then echo "$path:"; fi
done
[ ! -d /etc/pve/local/ ] || echo end
exit 0
