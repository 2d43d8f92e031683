"""The guests of the simulated site: disks, boot, cloud-init, guest agent and guest programs."""
