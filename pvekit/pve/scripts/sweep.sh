# sweep.sh RUN CLAIM JOB PATH
# Removes what a download or a template build has left in the image directory, unless it is in use:
#   RUN CLAIM   the claim that covers PATH must be gone or RUN's (- where none does)
#   JOB         the job that writes to PATH must not be alive (- where none does)
# Refusals: exit status 96 and one line "pvekit-refused: REASON" on stderr.
run=$1 claim=$2 job=$3 path=$4

refuse() {
  echo "pvekit-refused: $1" >&2
  exit 96
}

[ -d /etc/pve/local/ ] || refuse "/etc/pve cannot be read: who uses $path cannot be told"
dir=/run/pvekit/jobs/$job
if [ "$job" != - ] && [ -d "$dir" ] && [ ! -e "$dir/rc" ] && alive 2>/dev/null; then
  refuse "$path is still being written"
fi
if [ "$claim" != - ] && [ -e "/etc/pve/priv/pvekit/$claim" ]; then
  held=''
  IFS= read -r held <"/etc/pve/priv/pvekit/$claim" || [ -n "$held" ] || refuse "$path is in use"
  case $held in *"\"run\":\"$run\""*) ;; *) refuse "$path is in use by another run" ;; esac
fi
case $path in
  */images/*.part | */build/[1-9]*-*) rm -rf "$path" ;;
  *) refuse "$path is nothing of pvekit's" ;;
esac
