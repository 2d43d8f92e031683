# tasklog.sh UPID|VMID...
# Prints "task UPID" and "log LINE" for the last lines of a task's log; of a vmid, its newest task's.
place=/var/log/pve/tasks
show() {
  upid=$1
  IFS=:
  set -- $upid
  unset IFS
  log=$place/${5#"${5%?}"}/$upid
  [ -r "$log" ] || return 0
  echo "task $upid"
  tail -n 12 "$log" | while IFS= read -r line || [ -n "$line" ]; do printf 'log %s\n' "$line"; done
}

for word; do
  case $word in
    UPID:*/*) ;;
    UPID:*) show "$word" ;;
    *)
      found=$(grep -ahs ":$word:" "$place/index" "$place/active" | tail -n 1)
      if [ -n "$found" ]; then show "${found%% *}"; fi
      ;;
  esac
done
exit 0
