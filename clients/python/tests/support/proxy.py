"""A TCP proxy that misbehaves on demand."""

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType


class Link:
    """One client's connection, and the proxy's own to the gateway."""

    def __init__(self, client: socket.socket, gateway: socket.socket) -> None:
        self.ends = (client, gateway)
        self.frozen = threading.Event()
        self.closed = threading.Event()

    def close(self) -> None:
        """Resets both sides."""
        self.closed.set()
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Wakes the thread that reads it; closing alone would not.
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Listens on a free port in front of `target`, "host:port"."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: list[Link] = []
        self.delay = 0.0
        """Seconds that every piece of data is held."""
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Ends every connection."""
        links, self._links = self._links, []
        for link in links:
            link.close()

    def freeze(self) -> None:
        """Connections stay open and carry nothing more, in either direction; later ones work."""
        for link in self._links:
            link.frozen.set()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would leave the accepting thread where it is.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                link = Link(client, socket.create_connection(self._target))
                self._links.append(link)
                for source, sink in (link.ends, link.ends[::-1]):
                    threading.Thread(target=self._carry, args=(source, sink, link), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, link: Link) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16 * 1024):
                if link.frozen.is_set():
                    link.closed.wait()
                time.sleep(self.delay)
                sink.sendall(data)
        link.close()
