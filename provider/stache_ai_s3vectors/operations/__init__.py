"""What the provider's methods do: insert, search, scan, update."""
