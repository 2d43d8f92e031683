"""What reviews found of each VM, kept for the sizes that are proposed after them."""

from pvekit.reviews.book import Book
from pvekit.reviews.reviewed import Reviewed

__all__ = ["Book", "Reviewed"]
