# release.sh RUN CLAIM...
# Gives up those of these claims that RUN holds, and those that stay empty: who made them died.
run=$1
shift
for claim; do
  path=/etc/pve/priv/pvekit/$claim
  [ -e "$path" ] || continue
  if [ ! -s "$path" ]; then
    sleep 3
    if [ -e "$path" ] && [ ! -s "$path" ]; then
      rm -f "$path" || exit
      continue
    fi
  fi
  held=''
  IFS= read -r held <"$path" || [ -n "$held" ] || continue
  case $held in *"\"run\":\"$run\""*) rm -f "$path" || exit ;; esac
done
