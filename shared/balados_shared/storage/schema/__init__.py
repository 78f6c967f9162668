"""The numbered migrations of the record store. They only grow: what was released is never edited."""
