# alive
# Whether the job of the directory $dir is at work, by its process and when that began.
# Part of other scripts.
# A job writes its pid as the first thing: without one it is about to, or was never started.
young() { [ $(($(date +%s) - $(stat -c %Y "$dir" 2>/dev/null || echo 0))) -lt 60 ]; }

alive() {
  pid='' since=''
  read -r pid since <"$dir/pid" || { young; return; }
  IFS= read -r stat <"/proc/$pid/stat" || return 1
  set -- ${stat##*) }
  [ "${20}" = "$since" ]
}

