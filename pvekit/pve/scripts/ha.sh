# ha.sh
# Says "ha VMID" of each VM that high availability looks after.
[ -e /etc/pve/ha/resources.cfg ] || exit 0
while IFS= read -r line || [ -n "$line" ]; do
  case $line in 'vm: '*) echo "ha ${line#vm: }" ;; esac
done </etc/pve/ha/resources.cfg
exit 0
