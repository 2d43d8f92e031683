"""High availability: what is managed, and the manager that starts, stops and moves it."""
