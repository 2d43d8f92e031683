"""Backups of VMs: archives, the jobs that make them regularly, and which VMs these cover."""
