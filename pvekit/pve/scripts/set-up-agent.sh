# set-up-agent.sh [PATH MODE CONTENT]...
# Puts files of root's in place, each with its content in base64; a sudo rule only after visudo has
# found no fault with it.
umask 077
while [ $# -ge 3 ]; do
  path=$1 mode=$2
  (umask 022 && mkdir -p "${path%/*}") || exit
  printf %s "$3" | base64 -d >"$path.pvekit-new" || exit
  chown root:root "$path.pvekit-new" && chmod "$mode" "$path.pvekit-new" || exit
  case $path in
    /etc/sudoers.d/*)
      visudo -c -f "$path.pvekit-new" >&2 || {
        rm -f "$path.pvekit-new"
        exit 1
      }
      ;;
  esac
  mv -f "$path.pvekit-new" "$path" || exit
  shift 3
done
