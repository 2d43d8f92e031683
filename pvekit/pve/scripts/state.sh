# state.sh VMID...
# Prints the configs of these VMs, on whichever node of the PVE cluster they are, and all claims, as
# "PATH:LINE"; and "running VMID" for those that run on this node.
for id; do
  grep -aHs '' /etc/pve/nodes/*/qemu-server/"$id".conf
  pid=''
  [ -e "/run/qemu-server/$id.pid" ] && read -r pid <"/run/qemu-server/$id.pid"
  if [ -n "$pid" ] && tr '\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -e " -id $id "; then
    echo "running $id"
  fi
done
grep -aHs '' /etc/pve/priv/pvekit/*
exit 0
