# local.sh IMAGE_DIR
# Says what pvekit may have left on this node, without a Perl start:
#   time SECONDS                     the node's clock
#   job ID STATE AGE                 running, dead or done, and seconds since it last changed
#   lock VMID free|held              of each config here that is locked by its making or destruction
#   file BYTES AGE PATH              downloads that are not whole, and folders of template builds
#   end                              the last line; missing where the cluster file system was not there
[ -d /etc/pve/local/ ] || exit 0
now=$(date +%s)
echo "time $now"

age() { echo $((now - $(stat -c %Y "$1" 2>/dev/null || echo "$now"))); }

for dir in /run/pvekit/jobs/*; do
  [ -d "$dir" ] || continue
  if [ -e "$dir/rc" ]; then
    echo "job ${dir##*/} done $(age "$dir/rc")"
  elif alive 2>/dev/null; then
    echo "job ${dir##*/} running 0"
  else
    echo "job ${dir##*/} dead $(age "$dir")"
  fi
done

for conf in /etc/pve/local/qemu-server/*.conf; do
  [ -e "$conf" ] || continue
  grep -qs -e '^lock: clone' -e '^lock: create' -e '^lock: destroyed' "$conf" || continue
  id=${conf##*/}
  id=${id%.conf}
  if flock -n "/var/lock/qemu-server/lock-$id.conf" true; then
    echo "lock $id free"
  else
    echo "lock $id held"
  fi
done

for path in "$1"/images/*.part "$1"/build/*; do
  [ -e "$path" ] || continue
  size=$(du -sb "$path") || continue
  echo "file ${size%%[!0-9]*} $(age "$path") $path"
done
[ ! -d /etc/pve/local/ ] || echo end
exit 0
