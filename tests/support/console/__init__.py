"""The console in a browser and without one, and what it shows."""
