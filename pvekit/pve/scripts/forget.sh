# forget.sh JOB...
# Removes what ended jobs left behind; says "running JOB" of those that have not ended.
alive() {
  pid='' since=''
  read -r pid since <"$dir/pid" || return 1
  IFS= read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  [ "${20}" = "$since" ]
}

for id; do
  dir=/run/pvekit/jobs/$id
  if [ -e "$dir/rc" ] || ! alive 2>/dev/null; then rm -rf "$dir"; else echo "running $id"; fi
done
