"""A server on this machine, which falters as it is asked to: what downloads are tried and killed against."""

import http.server
import time
from typing import ClassVar


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every path; each request takes the next of `plan`, and the last one for good.

    A step is a dict: status, cut (send only so many bytes of the answer), ranges, length, announce, ignore_if_range.
    With `speed`, in bytes a second, it sends like a slow network, so that a kill finds half a download.
    """

    daemon_threads = True

    def __init__(self, content, speed=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.speed, self.etag, self.date = content, speed, '"one"', None
        self.plan, self.requests = [{}], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/set.zip"

    @property
    def asked(self):
        """The range that each request asked for."""
        return [request.get("Range") for request in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    CHUNK: ClassVar[int] = 8192

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        step = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
        body, status, extra = server.content, step.get("status", 200), {}
        wanted = self.headers.get("Range")
        unchanged = step.get("ignore_if_range") or self.headers.get("If-Range") in (server.etag, server.date)
        if status == 200 and wanted and unchanged and step.get("ranges", True):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                status = 416
            else:
                status, extra = 206, {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
                body = body[start:]
        if status >= 400:
            body = b"no"
        self.send_response(status)
        if step.get("length", True):
            self.send_header("Content-Length", step.get("announce", len(body)))
        for name, value in {"ETag": server.etag, "Last-Modified": server.date, **extra}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self._send(body[: step.get("cut")])
        self.close_connection = True

    def _send(self, body):
        chunk = self.CHUNK if self.server.speed else max(len(body), 1)
        for start in range(0, len(body), chunk):
            self.wfile.write(body[start : start + chunk])
            if self.server.speed:
                time.sleep(chunk / self.server.speed)

    def log_message(self, *_):
        pass
