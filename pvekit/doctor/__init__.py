"""Whether a site is fit for pvekit: small pure checks over what was read."""
