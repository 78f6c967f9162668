"""The daemon: a person's whole podcast library on one device, served to players on localhost."""
