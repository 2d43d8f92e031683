# sums.sh URL SIGNATURE KEYRING
# Downloads the checksum file at URL and its detached signature (- where none is wanted) and says
# "sums TEXT" and "signature TEXT", in base64, or "unsigned WHY" where there is no signature.
# With a KEYRING, in base64 (- for none), it also says what gpgv reports: "gpgv LINE" for each line,
# or "gpgv-missing". What begins with https is never followed to where it is not.
umask 077
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT

get() {
  case $2 in https:*) next='=https' ;; *) next='=http,https' ;; esac
  if command -v curl >/dev/null; then
    curl -fsSL --proto-redir "$next" --retry 2 --connect-timeout 20 --max-time 60 -o "$1" "$2"
    return
  fi
  wget -nv -S --tries=2 --timeout=20 -O "$1" "$2" 2>"$dir/log"
  status=$?
  if [ "$next" = '=https' ] && grep -qi '^ *location: *http:' "$dir/log"; then
    echo "$2 leads on to plain http" >&2
    return 1
  fi
  [ "$status" = 0 ] || tail -n 5 "$dir/log" >&2
  return "$status"
}

text() { head -c 1000000 "$dir/$1" | base64 -w 0; }

get "$dir/sums" "$1" || exit
echo "sums $(text sums)"
[ "$2" != - ] || exit 0
why=$(get "$dir/signature" "$2" 2>&1) || {
  echo "unsigned" $why
  exit 0
}
echo "signature $(text signature)"
[ "$3" != - ] || exit 0
command -v gpgv >/dev/null || {
  echo gpgv-missing
  exit 0
}
printf %s "$3" | base64 -d >"$dir/keys.gpg"
gpgv --homedir "$dir" --status-fd 1 --weak-digest SHA1 --keyring "$dir/keys.gpg" \
  "$dir/signature" "$dir/sums" 2>/dev/null | while IFS= read -r line; do echo "gpgv $line"; done
exit 0
