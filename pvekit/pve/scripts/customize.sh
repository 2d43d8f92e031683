# customize.sh IMAGE WORK PACKAGES FOLDER
# Makes WORK from IMAGE with virt-customize: installs the packages (a comma between two), uploads
# the files that FOLDER/index lists (a line each: MODE, the file's name in FOLDER, its path in the
# image), runs FOLDER/provision and FOLDER/finish.
image=$1 work=$2 packages=$3 folder=$4
rm -f "$work.part"
cp "$image" "$work.part" || exit
set -- -a "$work.part" --install "$packages"
while IFS=' ' read -r mode name path; do
  case $name in '' | .* | */*) exit 1 ;; esac # a file of FOLDER, and no other of this node
  set -- "$@" --mkdir "${path%/*}" --upload "$folder/$name:$path" --run-command "chmod $mode '$path'"
done <"$folder/index"
set -- "$@" --run "$folder/provision" --run "$folder/finish"
export LIBGUESTFS_BACKEND=direct
virt-customize -q "$@" || {
  status=$?
  rm -f "$work.part"
  exit $status
}
mv -f "$work.part" "$work"
