"""What the relay shows to everybody, where its owner turned that on."""
