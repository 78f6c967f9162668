"""The numbered migrations of what only a relay remembers. They only grow: what was released is never edited."""
