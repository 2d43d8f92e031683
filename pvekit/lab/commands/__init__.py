"""The programs that a Proxmox VE node has beyond those of any Linux machine."""
