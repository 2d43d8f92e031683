# fetch.sh URL ALGORITHM SUM PATH
# Downloads URL to PATH.part, verifies its checksum (sha256 or sha512) and only then names it PATH.
url=$1 algorithm=$2 want=$3 path=$4
mkdir -p "${path%/*}" || exit
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
  exit 1
}
got=$("${algorithm}sum" <"$path.part") || exit
got=${got%% *}
if [ "$got" != "$want" ]; then
  rm -f "$path.part"
  echo "pvekit-checksum: the $algorithm of $url is $got, but the checksum file says $want;" \
    "the file was removed" >&2
  exit 1
fi
# An image may name further files, of which its disk would then be made: any file of the node.
if qemu-img info "$path.part" 2>/dev/null |
  grep -q -e '^backing file:' -e '^ *data file:' -e '^file format: v'; then
  rm -f "$path.part"
  echo "the image $url is not whole in itself: it names other files; it was removed" >&2
  exit 1
fi
mv -f "$path.part" "$path"
