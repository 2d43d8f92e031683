# symptoms.sh VMID...
# Says what can be seen of guests that do not get ready. Reads only, takes a few seconds at most.
#   state VMID running|stopped
#   agent VMID LINE       what `qm guest exec` answered about cloud-init (JSON)
#   console VMID LINE     where the agent does not answer: what the serial console says meanwhile
look() {
  pid=''
  read -r pid 2>/dev/null <"/run/qemu-server/$1.pid" || pid=none
  if [ ! -d "/proc/$pid" ]; then
    echo "state $1 stopped"
    return
  fi
  echo "state $1 running"
  said=$(timeout 5 qm guest exec "$1" --timeout 3 -- sh -c \
    'cloud-init status --long; echo; tail -n 15 /var/log/cloud-init-output.log' 2>&1 </dev/null)
  case $said in
    *out-data*) kind=agent ;;
    *) kind=console said=$(timeout 2 socat -u "UNIX-CONNECT:/run/qemu-server/$1.serial0" STDOUT \
      2>/dev/null </dev/null | tail -n 15) ;;
  esac
  printf '%s\n' "$said" | while IFS= read -r line; do printf '%s %s %s\n' "$kind" "$1" "$line"; done
}

dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
for id; do look "$id" >"$dir/$id" & done
wait
for id; do cat "$dir/$id"; done
