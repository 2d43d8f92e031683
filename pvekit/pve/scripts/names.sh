# names.sh STORAGE...
# Goes before volumes.sh: tells of storages on LVM what lies there, in its words but without sizes (0),
# and leaves the others to it. A volume group is asked itself, which starts no program of Proxmox VE;
# what lies in it for another storage is told, too. Whether one that is switched off, or on some nodes
# only, is here at all is left to it as well.
vgname() {
  group='' kind='' limited=''
  while read -r key value _rest; do
    case $key in
      lvm: | lvmthin:) kind=$value ;;
      *:) kind='' ;;
      vgname) [ "$kind" != "$1" ] || group=$value ;;
      disable | nodes) [ "$kind" != "$1" ] || limited=yes ;;
    esac
  done </etc/pve/storage.cfg
  [ -z "$limited" ] || group=''
}

for storage; do
  shift
  vgname "$storage"
  if [ -n "$group" ] && found=$(timeout 20 lvs --noheadings -o lv_name "$group" 2>/dev/null); then
    echo "storage $storage ok"
    for name in $found; do
      case $name in vm-*-* | base-*-*) ;; *) continue ;; esac
      vmid=${name#*-}
      vmid=${vmid%%-*}
      case $vmid in '' | *[!0-9]*) ;; *) echo "volume $storage:$name 0 $vmid" ;; esac
    done
  else
    set -- "$@" "$storage"
  fi
done
