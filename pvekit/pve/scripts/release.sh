# release.sh RUN CLAIM...
# Gives up those of these claims that RUN holds.
run=$1
shift
for claim; do
  path=/etc/pve/priv/pvekit/$claim
  [ -e "$path" ] || continue
  held=''
  IFS= read -r held <"$path" || [ -n "$held" ] || continue
  case $held in *"\"run\":\"$run\""*) rm -f "$path" || exit ;; esac
done
