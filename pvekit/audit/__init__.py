"""The audit log: every command that may change something on a node, in a chain of hashes."""
