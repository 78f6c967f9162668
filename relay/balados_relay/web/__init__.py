"""The relay's pages: plain HTML from the server, for a browser with or without JavaScript."""
