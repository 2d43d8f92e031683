# jobs.sh JOB...
# Says of each job: "job ID none|running|dead" or "job ID done STATUS", and the last lines that it
# wrote, as "out ID LINE" and "err ID LINE".
last() {
  [ -e "$dir/$1" ] || return 0
  tail -n "$2" "$dir/$1" | while IFS= read -r line || [ -n "$line" ]; do
    printf '%s %s %s\n' "$1" "$id" "$line"
  done
}

for id; do
  dir=/run/pvekit/jobs/$id
  if [ ! -d "$dir" ]; then
    echo "job $id none"
  elif [ ! -e "$dir/rc" ] && alive 2>/dev/null; then
    echo "job $id running"
    last out 1
  elif [ -e "$dir/rc" ]; then
    read -r status <"$dir/rc"
    echo "job $id done $status"
    last out 40
    last err 40
  else
    echo "job $id dead"
    last out 10
    last err 10
  fi
done
