"""Pages of an event: who is there, who asks for help, and what a person may look up about themselves."""
