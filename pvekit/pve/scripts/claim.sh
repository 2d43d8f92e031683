# claim.sh RUN CONTENT CLAIM...
# Takes all of these claims for RUN or none. Creating a file exclusively is atomic over a whole PVE
# cluster. A claim that RUN holds already counts as taken. A claim that somebody else holds: exit
# status 97 and "pvekit-held: CLAIM CONTENT" on stderr.
# A file that stays empty is that of a claimer whose node died before it wrote: it is taken over, and
# read back after longer than another claimer needs between its own look and its writing.
run=$1 content=$2
shift 2
umask 077
dir=/etc/pve/priv/pvekit
[ -d "$dir" ] || mkdir "$dir" 2>/dev/null || [ -d "$dir" ] || {
  echo "cannot make $dir: no quorum?" >&2
  exit 98
}
set -C
made=''
for claim; do
  if { printf '%s\n' "$content" >"$dir/$claim"; } 2>/dev/null; then
    made="$made $claim"
    continue
  fi
  held=''
  IFS= read -r held 2>/dev/null <"$dir/$claim"
  if [ -z "$held" ] && [ -e "$dir/$claim" ]; then
    sleep 3
    if [ -e "$dir/$claim" ] && [ ! -s "$dir/$claim" ]; then
      (set +C && printf '%s\n' "$content" >"$dir/$claim") 2>/dev/null && made="$made $claim"
      sleep 2
    fi
    IFS= read -r held 2>/dev/null <"$dir/$claim"
  fi
  case $held in *"\"run\":\"$run\""*) continue ;; esac
  for other in $made; do
    IFS= read -r mine 2>/dev/null <"$dir/$other"
    case $mine in *"\"run\":\"$run\""*) rm -f "$dir/$other" ;; esac
  done
  if [ ! -e "$dir/$claim" ]; then
    echo "cannot write $dir/$claim: no quorum?" >&2
    exit 98
  fi
  echo "pvekit-held: $claim $held" >&2
  exit 97
done
