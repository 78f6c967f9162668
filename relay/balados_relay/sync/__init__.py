"""What devices send is merged here, and the others are told."""
