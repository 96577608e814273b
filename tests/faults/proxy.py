"""A line between a registry and its database that can be cut: what passes through it stops, and nobody is told."""

import contextlib
import socket
import threading
from pathlib import Path


class Line:
    """Forwards connections to 127.0.0.1:`port` to a Unix socket. While it is cut nothing passes, and no end closes.

    Connections of before a cut stay dead when it is mended, as behind a firewall that has forgotten them.
    """

    def __init__(self, to: Path) -> None:
        self._to = to
        self._cuts = 0
        self._whole = threading.Event()
        self._whole.set()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes."""
        self._whole.clear()
        self._cuts += 1

    def mend(self) -> None:
        """New connections pass again."""
        self._whole.set()

    def close(self) -> None:
        """Ends all."""
        self._listening.close()
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        self._open.append(near)
        self._whole.wait()
        far = socket.socket(socket.AF_UNIX)
        self._open.append(far)
        try:
            far.connect(str(self._to))
        except OSError:
            near.close()
            return
        for pair in ((near, far), (far, near)):
            threading.Thread(target=self._pass, args=(*pair, self._cuts), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, cuts: int) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if self._cuts != cuts:
                    return
                target.sendall(content)
        if self._cuts == cuts:
            for each in (source, target):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
