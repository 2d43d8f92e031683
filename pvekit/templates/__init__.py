"""Templates: from a verified cloud image and a recipe to a Proxmox VE template."""
