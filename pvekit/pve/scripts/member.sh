# member NODE LINE
# Runs LINE as root on another member of the PVE cluster, over the SSH that Proxmox VE has set up
# between them: with the host key that the cluster keeps for NODE, and with that alone.
member() {
  address=''
  case $1 in
    '' | *[!A-Za-z0-9-]*) ;;
    *) address=$(sed -n 's/^ *"'"$1"'": *{.*"ip": *"\([0-9A-Fa-f.:]*\)".*/\1/p' /etc/pve/.members) ;;
  esac
  if [ -z "$address" ]; then
    echo "$1 is not a member of this node's PVE cluster" >&2
    return 1
  fi
  at=$1 line=$2 known=/etc/pve/nodes/$1/ssh_known_hosts
  set -- -e none -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o "HostKeyAlias=$at"
  # Proxmox VE before 8.2 keeps the keys of all members in the file that ssh reads by itself.
  if [ -f "$known" ]; then
    set -- "$@" -o "UserKnownHostsFile=$known" -o GlobalKnownHostsFile=none
  fi
  ssh "$@" -o Compression=no -o ConnectTimeout=10 -o ServerAliveInterval=10 \
    -o ServerAliveCountMax=3 "root@$address" "$line"
}

