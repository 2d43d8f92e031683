"""Recordings of the real programs, replayed in the lab and compared.

``python -m tests.lab.parity`` prints every disagreement; ``--table`` writes the table in the docs.
"""
