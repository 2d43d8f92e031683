"""Fleets: a file that says which VMs there are to be, and how far the site is from it."""
