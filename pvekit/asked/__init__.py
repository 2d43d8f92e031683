"""Requests in words: the groups of VMs that a text asks for. Pure."""
