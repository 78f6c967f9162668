"""The relay: a thin server that merges what devices send and tells the others."""
