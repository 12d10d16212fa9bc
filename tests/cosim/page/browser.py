"""A headless Chromium, driven over a pipe with its DevTools protocol: no package is needed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

#: Where to look; the environment variable CHROMIUM comes first.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"),
)
_SECONDS = 60.0


def find() -> str | None:
    """The command of a Chromium, or None; the one that CHROMIUM names must be there."""
    if named := os.environ.get("CHROMIUM"):
        found = shutil.which(named)
        assert found, f"CHROMIUM names {named}, which is not there"
        return found
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser with one page."""

    def __init__(self, command: str) -> None:
        """Start it."""
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        there, self._out = (_high(end) for end in os.pipe())
        self._in, back = (_high(end) for end in os.pipe())
        self._process = subprocess.Popen(
            [command, *_FLAGS, f"--user-data-dir={self._folder.name}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(there, 3), os.dup2(back, 4)),
        )
        os.close(there)
        os.close(back)
        self._buffer, self._last, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        attached = self.command("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.command(f"{domain}.enable")
        self.command("Page.setLifecycleEventsEnabled", enabled=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._folder.cleanup()

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Have something done; returns what is answered."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.events.append(answer)

    def open(self, path: Path, *, width: int = 1280, dark: bool = False) -> None:
        """Load a page anew, as wide as said."""
        self.media(dark=dark)
        self.size(width)
        self.events.clear()
        self.command("Page.navigate", url=path.resolve().as_uri())
        deadline = time.monotonic() + _SECONDS
        # A click that comes before the page is seen is nobody's.
        while not {"load", "firstContentfulPaint"} <= self._lived():
            self.events.append(self._read(deadline))

    def size(self, width: int, height: int = 844) -> None:
        """Of the window."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def media(self, kind: str = "", *, dark: bool = False) -> None:
        """What the page is shown on: a screen, or ``print``."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media=kind, features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str, place: int = 0) -> None:
        """Click the middle of an element with the mouse."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelectorAll({json.dumps(selector)})[{place}];"
            "e.scrollIntoView({block: 'center', inline: 'center'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key on the keyboard and let it go."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.command(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, **typed},
            )

    def picture(self, path: Path) -> None:
        """Keep what the whole page looks like."""
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _lived(self) -> set[str]:
        """What the page that is being loaded has been through."""
        events = [
            event["params"] for event in self.events if "lifecycle" in event.get("method", "")
        ]
        loader = events[-1]["loaderId"] if events else ""
        return {event["name"] for event in events if event["loaderId"] == loader}

    def _read(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._in], [], [], max(left, 0))
            part = os.read(self._in, 1 << 16) if ready else b""
            assert part, "the browser does not answer"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


def _high(number: int) -> int:
    """The same file by a number that is not in the way of 3 and 4."""
    moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(number)
    return moved
