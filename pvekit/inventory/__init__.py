"""What is there now, read at one moment and frozen."""
