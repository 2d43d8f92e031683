# storages.sh
# Says "storage NAME STATUS" of each storage, as this node sees it: active, inactive or disabled.
timeout 60 pvesm status 2>/dev/null | while read -r name _type status _rest; do
  [ "$name" = Name ] || echo "storage $name $status"
done
exit 0
