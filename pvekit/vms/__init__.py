"""Virtual machines: from what is wanted and decided to the plans that make and remove them."""
