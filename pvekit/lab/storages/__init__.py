"""Storages: their types and definitions, the volumes on them, and the space behind them."""
