# sums.sh URL
# Prints the checksum file at URL.
if command -v wget >/dev/null; then exec wget -nv --tries=2 --timeout=20 -O - "$1"; fi
exec curl -fsSL --retry 2 --connect-timeout 20 --max-time 60 "$1"
