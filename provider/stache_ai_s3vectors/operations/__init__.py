"""The work of the provider's methods: insert, search, scan, and calls by id."""
