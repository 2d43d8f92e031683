"""pvekit: templates and ready virtual machines on Proxmox VE, over SSH."""

__version__ = "0.1.0"
