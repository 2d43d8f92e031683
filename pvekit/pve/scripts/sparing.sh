# sparing.sh
# Has read-site.sh, which follows it in the same round trip, leave out what all members of a PVE cluster
# tell alike: it is asked of one of them. A standalone host tells all at once.
pvekit_spares=no
if grep -qs '"cluster"' /etc/pve/.members; then pvekit_spares=yes; fi
