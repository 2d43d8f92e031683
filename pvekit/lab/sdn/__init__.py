"""Software-defined networks: zones, vnets and subnets, as written, as running and as pending."""
