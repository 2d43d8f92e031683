# ha.sh
# Says "ha VMID" of each VM that high availability looks after. "end" is the last line, and missing
# where the cluster file system was not there: an empty answer would say that it looks after none.
[ -d /etc/pve/local/ ] || exit 0
if [ -e /etc/pve/ha/resources.cfg ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in 'vm: '*) echo "ha ${line#vm: }" ;; esac
  done </etc/pve/ha/resources.cfg
fi
[ ! -d /etc/pve/local/ ] || echo end
exit 0
