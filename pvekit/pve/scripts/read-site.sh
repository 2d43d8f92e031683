# Reads all that an inventory needs from one node, without a Perl start and without a change.
# Usage: sh -s -- IMAGE_DIR
# Prints "PATH:LINE" for each line of a file and "fact KEY VALUE..." for what no file tells. "end" is
# the last line, and missing where the cluster file system went away meanwhile. After sparing.sh it may
# leave out what the whole PVE cluster shares, and then says so.

dir=/${1#/}
while [ ! -d "$dir" ] && [ "$dir" ]; do
    dir=${dir%/*}
done
echo fact image_dir_free_bytes $(df -B1 --output=avail "${dir:-/}")
echo fact time "$(date +%s)"
# Without quorum the cluster file system takes the write bits away (and test -w lies to root).
echo fact local_mode "$(stat -c %a /etc/pve/local/)"

for path in /sys/class/net/*/bridge; do
    name=${path%/bridge}
    echo fact bridge "${name##*/}"
done
for tool in virt-customize genisoimage curl wget; do
    if command -v "$tool" >/dev/null 2>&1; then
        echo fact tool "$tool"
    fi
done
if [ "${pvekit_spares-}" = yes ]; then
    echo fact spared yes
else
    # The names too: a claim counts from its creation on, when its file is still empty.
    for path in /etc/pve/priv/pvekit/*; do
        echo fact claim "$path"
    done
    grep -aHs '' \
        /etc/pve/.vmlist /etc/pve/.rrd \
        /etc/pve/storage.cfg /etc/pve/datacenter.cfg /etc/pve/ha/manager_status \
        /etc/pve/nodes/*/qemu-server/*.conf /etc/pve/nodes/*/lxc/*.conf \
        /etc/pve/priv/pvekit/*
fi
grep -aHs '' /etc/pve/.members /proc/sys/kernel/random/boot_id /run/qemu-server/*.pid
grep -aHs -e '^iface' -e 'ovs_type' /etc/network/interfaces

# A pid file may be stale: only the beginning of the process's command line proves a live guest.
# Its words are parted by zero bytes.
set --
for path in /run/qemu-server/*.pid; do
    if [ -f "$path" ] && read -r pid <"$path"; then
        set -- "$@" "/proc/$pid/cmdline"
    fi
done
if [ $# -gt 0 ]; then
    grep -aHso '^[a-zA-Z0-9/_-]*.-id.[0-9]*' "$@"
fi
[ ! -d /etc/pve/local/ ] || echo end
exit 0
