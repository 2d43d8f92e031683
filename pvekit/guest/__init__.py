"""Every word said inside a guest, through its agent or over SSH."""
