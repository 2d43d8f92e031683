# copy-rate.sh NODE
# Reads 32 MiB of nothing from another member of the PVE cluster, for 2 s at most. Says
# "rate BYTES NANOSECONDS", counted from the first byte.
member "$1" 'echo; exec timeout 2 head -c 33554432 /dev/zero' | {
  IFS= read -r first || exit
  began=$(date +%s%N)
  bytes=$(wc -c)
  echo "rate $bytes $(($(date +%s%N) - began))"
}
