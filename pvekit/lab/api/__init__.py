"""The API that ``pvesh`` walks: its methods by path, each module a part of the tree."""
