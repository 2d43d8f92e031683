# fetch.sh URL ALGORITHM SUM PATH [NODE JOB]
# Gets the image of URL as PATH.part, verifies its checksum (sha256 or sha512) and only then names
# it PATH. With NODE it comes from that member of the PVE cluster, once JOB has put it there; where
# it does not come from there, whatever the reason, it is downloaded.
url=$1 algorithm=$2 want=$3 path=$4 node=${5-} job=${6-}

download() {
  rm -f "$path.part"
  if command -v wget >/dev/null; then
    wget -nv --tries=3 --timeout=30 -O "$path.part" "$url"
  else
    curl -fsSL --retry 3 --connect-timeout 30 --speed-limit 1024 --speed-time 60 \
      -o "$path.part" "$url"
  fi || {
    status=$?
    rm -f "$path.part"
    echo "cannot download $url (status $status)" >&2
    return 1
  }
}

# Runs on NODE: waits until the image is there, and says it. Status 3: nobody puts it there.
say='IFS= read -r path
IFS= read -r job
dir=/run/pvekit/jobs/$job
at_work() {
  read -r pid since <"$dir/pid" && IFS= read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  [ "${20}" = "$since" ]
}
idle=0
until [ -f "$path" ]; do
  if at_work 2>/dev/null; then idle=0; else idle=$((idle + 1)); fi
  # It may be about to begin; one that has ended has put the image there before.
  if [ $idle -gt 60 ] || { [ -e "$dir/rc" ] && [ ! -f "$path" ]; }; then exit 3; fi
  sleep 1
done
exec cat "$path"'

# verified FROM: whether what has come is the image; says why not in $why.
verified() {
  got=$("${algorithm}sum" <"$path.part") || return
  got=${got%% *}
  if [ "$got" != "$want" ]; then
    why="the $algorithm of $1 is $got, but the checksum file says $want; the file was removed"
    why="pvekit-checksum: $why"
    return 1
  fi
  # An image may name further files, of which its disk would then be made: any file of the node.
  if qemu-img info "$path.part" 2>/dev/null |
    grep -q -e '^backing file:' -e '^ *data file:' -e '^file format: v'; then
    why="the image $1 is not whole in itself: it names other files; it was removed"
    return 1
  fi
}

# sshd turns some of many away that come at the same moment: nothing has come then.
copy() {
  echo "from $node"
  for pause in 2 5 0; do
    rm -f "$path.part"
    why=$(printf '%s\n' "$path" "$job" | member "$node" "$say" 2>&1 >"$path.part")
    status=$?
    [ $status = 255 ] && [ ! -s "$path.part" ] || break
    sleep $pause
  done
  if [ $status = 0 ]; then verified "$node:$path" && return; fi
  [ $status = 3 ] && why="nobody puts it there"
  echo "cannot copy the image from $node, it is downloaded: status $status, ${why#pvekit-checksum: }"
  return 1
}

mkdir -p "${path%/*}" || exit
if [ -z "$node" ] || ! copy; then
  download || exit
  verified "$url" || {
    rm -f "$path.part"
    echo "$why" >&2
    exit 1
  }
fi
mv -f "$path.part" "$path"
