"""Carrying plans out: preview, apply, resume, roll back."""
