"""The real programs' tables, and how the lab's data are made from them."""
