"""The command lines and the API of the real programs as data, and how they read words."""
