"""The organizer's desk: broadcasts written, watched and called off; the people of the event; its figures."""
