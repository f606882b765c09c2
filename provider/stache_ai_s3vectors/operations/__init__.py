"""The work of the provider's methods: insert, search, scan, and by id."""
