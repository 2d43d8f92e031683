# forget.sh JOB...
# Removes what ended jobs left behind; says "running JOB" of those that have not ended.
# A job writes its pid as the first thing: without one it is about to, or was never started.
young() { [ $(($(date +%s) - $(stat -c %Y "$dir" 2>/dev/null || echo 0))) -lt 60 ]; }

alive() {
  pid='' since=''
  read -r pid since <"$dir/pid" || { young; return; }
  IFS= read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  [ "${20}" = "$since" ]
}

for id; do
  dir=/run/pvekit/jobs/$id
  if [ -e "$dir/rc" ] || ! alive 2>/dev/null; then rm -rf "$dir"; else echo "running $id"; fi
done
