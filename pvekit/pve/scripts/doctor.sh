# doctor.sh IMAGE_DIR [IMAGE_URL CHECKSUM_URL]...
# Reads what `pvekit doctor` judges and read-site.sh, which follows it in the same round trip, does
# not tell. Changes nothing. Prints lines of "doctor KEY VALUE..."; what takes long runs side by side.
echo "doctor begin $(date +%s)"
echo "doctor uid $(id -u)"
echo "doctor version $(pveversion 2>&1 | head -n 1)"
echo "doctor run_free_bytes $(df -B1 --output=avail /run | tail -n 1)"
echo "doctor claims $(stat -c %F /etc/pve/priv/pvekit 2>/dev/null)"
for path in /sys/class/net/*/bridge/vlan_filtering; do
  [ -e "$path" ] || continue
  name=${path%/bridge/vlan_filtering}
  read -r value <"$path" && echo "doctor vlan_filtering ${name##*/} $value"
done

# A look at a URL, in the way that downloads go.
look() {
  if command -v wget >/dev/null 2>&1; then
    timeout 20 wget -nv --spider --tries=1 --timeout=10 "$1"
  else
    timeout 20 curl -fsSIL --connect-timeout 10 --max-time 20 -o /dev/null "$1"
  fi
}
fetch() {
  if command -v wget >/dev/null 2>&1; then
    timeout 20 wget -q --tries=1 --timeout=10 -O - "$1"
  else
    timeout 20 curl -fsSL --connect-timeout 10 --max-time 20 "$1"
  fi
}
# The lines of a checksum file that name the image; a file of one line may do without the name.
sums() {
  count=0 first=''
  while IFS= read -r line || [ -n "$line" ]; do
    count=$((count + 1))
    [ $count = 1 ] && first=$line
    case $line in *"$2"*) printf 'doctor sum %s %s\n' "$1" "$line" ;; esac
  done
  case $first in *"$2"*) return ;; esac
  if [ $count = 1 ]; then printf 'doctor sum %s %s\n' "$1" "$first"; fi
}
try() {
  said=$(look "$1" 2>&1)
  echo "doctor url $? $1 $(printf '%s\n' "$said" | tail -n 1)"
}

timeout 30 pvesm status 2>&1 | sed 's/^/doctor storage /' &
if grep -qs '^lvmthin:' /etc/pve/storage.cfg; then
  timeout 20 lvs --noheadings --separator : -o vg_name,lv_name,data_percent,metadata_percent \
    -S segtype=thin-pool 2>&1 | sed 's/^/doctor pool /' &
fi
dir=$1
shift
while [ $# -ge 2 ]; do
  try "$1" &
  fetch "$2" 2>/dev/null | sums "$2" "${1##*/}" &
  try "$2" &
  shift 2
done
wait
echo "doctor end $(date +%s)"
set -- "$dir"
