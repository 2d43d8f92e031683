# volumes.sh STORAGE...
# Says "storage NAME ok" or "storage NAME dead REASON" of each, and "volume VOLID BYTES VMID" of each
# disk image that lies there; "end" is the last line.
for storage; do
  if found=$(timeout 60 pvesm list "$storage" --content images 2>&1); then
    echo "storage $storage ok"
    printf '%s\n' "$found" | while read -r volid _format _type size vmid; do
      case $vmid in '' | *[!0-9]*) ;; *) echo "volume $volid $size $vmid" ;; esac
    done
  else
    echo "storage $storage dead" $found
  fi
done
echo end
