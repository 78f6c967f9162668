"""The numbered migrations of what is local to a device. They only grow."""
