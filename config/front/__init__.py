"""One port for all HTTP processes: the small reverse proxy of the default set-up.

`web` answers the API and the pages as WSGI, which is several times faster for Django than ASGI; `stream`
holds thousands of open live streams, which WSGI cannot; `simulator` stands in for Twilio, where it is wanted.
A person wants one address, so this process listens on it and sends /api/v1/stream and /simulator to those and
everything else to `web`. It exists so that two commands give a running system. Production uses nginx for this;
deploy/nginx/callboard.conf does the same.

    client    a connection from outside: whose turn it is, who waits, who is too late
    reader    its bytes taken apart into requests
    plain     what nearly all of them look like, recognised without the parser
    heads     what a request must be, and the heads that are written anew for the other side
    problems  what the front answers itself
    exchange  one request on its way to a backend
    upstream  a connection to a backend: it carries exchanges and reads their answers
    backend   all connections to one of those processes
    server    the process: it listens, and stops in order

Requests are never passed on unread: they are parsed (by llhttp, under httptools), checked and written anew, so
what the two sides take for one request cannot differ. The plain ones among them, of which a pattern knows every
byte, are spared the parser: what is passed on of them is what would be written.

Nothing is buffered without bound: a body of up to reader.HELD_BODY is taken in whole before a backend is
bothered with it (a slow sender must not occupy one of web's few threads). Beyond that a chunked body is refused,
and with one that says its length, whoever is slow stops the other side.
"""
