"""Who may look after the relay in a browser: people, their passwords and where they are logged in."""
