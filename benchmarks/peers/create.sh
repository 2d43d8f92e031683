#!/bin/bash
# create.sh LIST DISK KEY USER DIRECTORY
# The hand-written way: ssh with a shared connection to each node, qm, one process per VM.
# LIST has a line "HOST PORT TEMPLATE VMID NAME" for each VM; DISK is in GiB.
list=$1 disk=$2 key=$3 user=$4 dir=$5
options=(-F none -i "$key" -o BatchMode=yes -o LogLevel=ERROR -o StrictHostKeyChecking=no
  -o UserKnownHostsFile=/dev/null)
share() { shared=(-o ControlMaster=auto -o "ControlPath=$dir/$1-$2" -o ControlPersist=60); }

make() {
  local host=$1 port=$2 template=$3 vmid=$4 name=$5 address='' shared
  share "$host" "$port"
  on() { ssh "${options[@]}" "${shared[@]}" -p "$port" "root@$host" "$@" </dev/null; }
  on "qm clone $template $vmid --name $name --full 1" >/dev/null &&
    on "echo '$(cat "$key.pub")' | qm set $vmid --cores 1 --memory 2048 --ipconfig0 ip=dhcp \
      --ciuser $user --sshkeys /dev/stdin" >/dev/null &&
    on "qm disk resize $vmid scsi0 ${disk}G" >/dev/null &&
    on "qm start $vmid" >/dev/null || return
  until on "qm agent $vmid ping" 2>/dev/null; do sleep 1; done
  until [ "$address" ]; do
    address=$(on "qm agent $vmid network-get-interfaces" |
      jq -r '.[] | select(.name != "lo") | ."ip-addresses"[]? |
        select(."ip-address-type" == "ipv4") | ."ip-address"' | head -n 1)
    [ "$address" ] || sleep 1
  done
  until ssh "${options[@]}" -o ProxyCommand="ssh ${options[*]} ${shared[*]} -p $port \
    -W %h:%p root@$host" "$user@$address" true </dev/null 2>/dev/null; do sleep 1; done
}

# One connection to each node first: the processes are to share it.
cut -d ' ' -f 1,2 "$list" | sort -u | while read -r host port; do
  share "$host" "$port"
  ssh "${options[@]}" "${shared[@]}" -p "$port" "root@$host" true </dev/null
done
failed=0 pids=()
while read -r line; do
  make $line &
  pids+=($!)
done <"$list"
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
exit $failed
