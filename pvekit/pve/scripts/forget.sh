# forget.sh JOB...
# Removes what ended jobs left behind; says "running JOB" of those that have not ended.
for id; do
  dir=/run/pvekit/jobs/$id
  if [ -e "$dir/rc" ] || ! alive 2>/dev/null; then rm -rf "$dir"; else echo "running $id"; fi
done
