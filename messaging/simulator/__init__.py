"""A stand-in for Twilio on this machine: the same paths, fields, refusals, signatures and callbacks, and phones that a
person can look at. Nothing here knows Callboard: the two meet in HTTP alone, as they would with Twilio.

    app         the ASGI application: which address is answered by what
    account     who the account is, and where its webhooks are
    texts       what was texted, to which phones and from them; who said STOP
    journal     the file that keeps this over a restart
    twilio      the Messages resource: create, fetch, list
    refusals    Twilio's error codes and bodies
    network     what becomes of a text once it is accepted
    callbacks   the posts to our side, with kept connections and repeats
    client      one kept connection
    inbound     what a phone writes, and what is answered (keywords, TwiML)
    faults      what goes wrong on demand
    answers     answers in HTTP, problem documents among them
    page        the phones as a page
"""
