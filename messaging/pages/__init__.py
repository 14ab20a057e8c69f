"""The participant's inbox: the feed, conversations, and what is done with a message."""
