"""The lab's POSIX shell, after dash: text -> syntax tree -> coroutines over simulated programs."""
