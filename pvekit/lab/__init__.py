"""The lab: a simulated Proxmox VE site that is reached over real SSH. Knows nothing of pvekit."""
