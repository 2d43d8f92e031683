# fetch.sh URL ALGORITHM SUM PATH
# Downloads URL to PATH.part, verifies its checksum (sha256 or sha512) and only then names it PATH.
url=$1 algorithm=$2 want=$3 path=$4
mkdir -p "${path%/*}" || exit
rm -f "$path.part"
if command -v wget >/dev/null; then
  wget -q -O "$path.part" "$url"
else
  curl -fsSL -o "$path.part" "$url"
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
  echo "pvekit-checksum: $algorithm of $url is $got, the checksum file says $want" >&2
  exit 1
fi
mv -f "$path.part" "$path"
