# files.sh PATH...
# Says "file PATH" of each that exists.
for path; do
  if [ -e "$path" ]; then echo "file $path"; fi
done
