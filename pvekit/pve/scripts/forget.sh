# forget.sh JOB...
# Removes what ended jobs left behind.
for id; do
  if [ -e "/run/pvekit/jobs/$id/rc" ]; then rm -rf "/run/pvekit/jobs/$id"; fi
done
