# files.sh PATH...
# Says "file PATH" of each that exists, and "end" at last.
for path; do
  if [ -e "$path" ]; then echo "file $path"; fi
done
echo end
