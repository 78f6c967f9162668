"""What only a relay remembers: its accounts, who may speak for them, and their devices. SQL stays in this room."""
