# download-rate.sh URL
# Reads the first 16 MiB of URL, for 3 s at most, and keeps nothing. Says the server's headers, then
# "rate STATUS BYTES SECONDS SECONDS" (until the first byte, until the last) and "end STATUS", or
# "no-curl".
case $1 in https:*) next='=https' ;; *) next='=http,https' ;; esac
command -v curl >/dev/null || {
  echo no-curl
  exit 0
}
curl -fsSL --proto-redir "$next" -r 0-16777215 --connect-timeout 3 --max-time 3 -D - -o /dev/null \
  -w '\nrate %{http_code} %{size_download} %{time_starttransfer} %{time_total}\n' "$1" 2>&1
echo "end $?"
