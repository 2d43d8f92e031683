"""The configuration file: found, read, checked as a whole, and handed on as frozen data."""
