"""Every word said to a Proxmox VE node, and the reading of its files. Pure."""
