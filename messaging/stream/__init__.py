"""The live stream: what the log says, told to each person whom it concerns, over one connection each.

    places      where in the log something stands: the ids of events
    frames      events as they go over the wire
    entries     rows of the log, and how they are read
    telling     which of them become which events, and for whom; asks the database, but not how it is reached
    messages, conversations, notices   the events of each kind
    database    a connection of the stream process, asked from its event loop
    listeners   an open connection, and all of them by person
    hub         reads the log for all of them
    catching_up brings a listener from where it was to where the others are
    signals     typing, which no log keeps
    guests      who may listen: by token or session, how many, how often
    door        the call itself

One process reads the log once for all its listeners, by asking for what is new many times a second. No wake-up is sent
to it that could be lost: a writer commits and has done all there is to do.
"""
