# state.sh VMID|CLAIM...
# Prints the configs of these VMs, on whichever node of the PVE cluster they are, these claims and
# those of the VMs' vmids, as "PATH:LINE"; and "running VMID PID.START" for the VMs that run on this
# node: the emulator's process and when it was started, which together are another one after each
# start. "end" is the last line, and missing where the cluster file system was not there: an empty
# answer would say that no VM is.
since() {
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
  set -- ${stat##*) }
  start=${20}
}

process() {
  pid=''
  [ -e "/run/qemu-server/$1.pid" ] && read -r pid <"/run/qemu-server/$1.pid"
  if [ -n "$pid" ] && tr '\000' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -e " -id $1 "; then
    start=''
    since "$pid"
    echo "running $1 $pid.$start"
  fi
}

# One that is empty is that of a claimer whose node died before it wrote.
claim() {
  path=/etc/pve/priv/pvekit/$1
  [ -e "$path" ] || return 0
  held=''
  IFS= read -r held 2>/dev/null <"$path"
  printf '%s:%s\n' "$path" "$held"
}

[ -d /etc/pve/local/ ] || exit 0
configs=''
for each; do
  case $each in
    *[!0-9]*) claim "$each" ;;
    *)
      configs="$configs /etc/pve/nodes/*/qemu-server/$each.conf"
      process "$each"
      claim "vmid-$each"
      ;;
  esac
done
[ -z "$configs" ] || grep -aHs '' $configs
[ ! -d /etc/pve/local/ ] || echo end
exit 0
