"""A call as it came."""

from __future__ import annotations

from typing import Any

from django.core.handlers.wsgi import WSGIRequest, get_path_info
from django.http.request import UnreadablePostError
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters

from api.answers import JSON


def length_of(meta: dict[str, Any]) -> int:
    try:
        return max(0, int(meta.get("CONTENT_LENGTH") or 0))
    except ValueError:
        return 0


class Utf8Request(WSGIRequest):
    """Everything here is UTF-8. Django would read a query in whatever codec the client's Content-Type names, before
    anything could answer for the codecs that fail."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Call(Utf8Request):
    """What is asked of the API. Django looks for the prefix of a script, for forms and for files, and reads a body
    through three layers: for what has none of it, that is more than all the rest."""

    _read_started = False
    content_params: dict[str, str] = {}  # noqa: RUF012  (as empty as that of a request without parameters)

    def __init__(self, environ: dict[str, Any]):
        self.environ = self.META = environ
        path, prefix = environ["PATH_INFO"], environ.get("SCRIPT_NAME", "")
        if not path.isascii():
            path = environ["PATH_INFO"] = get_path_info(environ)
        self.path_info, self.path = path, prefix.rstrip("/") + path
        self.method = environ["REQUEST_METHOD"].upper()
        self.content_type = environ.get("CONTENT_TYPE", "")
        if self.content_type != JSON:
            self._set_content_type_params(environ)
        self.resolver_match = None

    @cached_property
    def body(self) -> bytes:
        try:
            return self.environ["wsgi.input"].read(length_of(self.environ))
        except OSError as error:
            raise UnreadablePostError(*error.args) from error

    @property
    def _body(self) -> bytes:
        """Where Django looks for what has been read, before it would read a form."""
        return self.body
