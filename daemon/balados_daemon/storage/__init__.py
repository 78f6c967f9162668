"""What only a device remembers: who it is, its relays, and the feeds it has read. SQL stays in this room."""
