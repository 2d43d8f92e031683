"""What is ours on the site and unfinished or unused: found, judged, and removed."""
