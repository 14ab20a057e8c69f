"""Pages for people: the frame that all of them stand in, and the doors of signing in and out."""
