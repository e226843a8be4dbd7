"""Firefox and WebKit, each driven by the W3C's own protocol: no driver of Playwright's fits the ones that Linux ships.

Firefox speaks WebDriver BiDi over a web socket (https://w3c.github.io/webdriver-bidi), WebKitGTK's MiniBrowser
WebDriver over http (https://www.w3.org/TR/webdriver2). Input actions are the same lists in both.
"""

import base64
import contextlib
import glob
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

PREFERENCES = {  # of a profile that asks the network for nothing by itself
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
}
# MiniBrowser's own buttons would keep its window 447 pixels wide at least.
NARROW = "* { min-width: 0; padding: 0; margin: 0; border-width: 0; }"


class Failed(Exception):
    """A browser refused a command, or a script in it failed."""


def find(*names):
    """The first of these programs or files that is there, or None."""
    return next((path for name in names for path in [shutil.which(name), *sorted(glob.glob(name))] if path), None)


def wait(ready, seconds=60, what=""):
    """What `ready()` returns, as soon as that is true."""
    end = time.monotonic() + seconds
    while not (value := ready()):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing came within {seconds} s: {what or ready}")
        time.sleep(0.03)
    return value


@contextlib.contextmanager
def running(command, **more):
    """A process, ended at the end."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


class Window:
    """What both browsers can do; a subclass says how."""

    name, finger = "", "mouse"  # finger: the pointer that comes nearest to one

    def go(self, url):
        """Open an address, and wait until it is loaded."""
        raise NotImplementedError

    def js(self, body, *args):
        """What an async function of this body returns, as JSON; `args` are its arguments, as `arguments`."""
        raise NotImplementedError

    def act(self, *sources):
        """Input, as the protocols have it: one list of actions for each device."""
        raise NotImplementedError

    def resize(self, width, height):
        """Set the size of the viewport, in CSS pixels."""
        raise NotImplementedError

    def picture(self):
        """A PNG of what is seen."""
        raise NotImplementedError

    def until(self, expression, seconds=60):
        """Wait until a JavaScript expression is true."""
        wait(lambda: self.js(f"return Boolean({expression})"), seconds, expression)

    def press(self, *keys):
        """Press and release keys, one after the other, each given as a character (https://www.w3.org/TR/webdriver2/#keyboard-actions)."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.act({"type": "key", "id": "keys", "actions": steps})

    def draw(self, points, pointer="mouse", after=None):
        """Put a pointer down at the first of these places of the viewport, lead it along the others, lift it.

        `after` is called when it is down, and after each further move.
        """
        (first, *moves) = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 0} for x, y in points]
        steps = [[first, {"type": "pointerDown", "button": 0}], *([move] for move in moves)]
        steps.append([{"type": "pointerUp", "button": 0}])
        for actions in steps if after else [list(itertools.chain(*steps))]:
            self.act({"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer}, "actions": actions})
            if after:
                after()


class Firefox(Window):
    """Firefox, headless, over WebDriver BiDi."""

    name, finger = "firefox", "touch"

    @staticmethod
    def missing():
        """What is not installed, in words, or None."""
        return None if find("firefox-esr", "firefox") else "Firefox (Debian: apt-get install firefox-esr)"

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder):
        """A window of a browser whose profile is in `folder`."""
        import websocket

        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});\n" for key, value in PREFERENCES.items()]
        (folder / "user.js").write_text("".join(lines))
        command = [find("firefox-esr", "firefox"), "--headless", "--no-remote", "--profile", str(folder)]
        with running([*command, "--remote-debugging-port=0"], env=os.environ | {"HOME": str(folder)}):
            port = wait(lambda: (folder / "WebDriverBiDiServer.json").is_file() and cls._port(folder))
            window = cls()
            window.socket = websocket.create_connection(f"ws://127.0.0.1:{port}/session", suppress_origin=True)
            window.numbers = itertools.count(1)
            window.send("session.new", capabilities={})
            window.context = window.send("browsingContext.getTree")["contexts"][0]["context"]
            yield window
            window.socket.close()

    @staticmethod
    def _port(folder):
        with contextlib.suppress(ValueError):  # half written
            return json.loads((folder / "WebDriverBiDiServer.json").read_text())["ws_port"]

    def send(self, method, **params):
        """The result of a command."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != number:
            pass
        if answer["type"] == "error":
            raise Failed(f"{method}: {answer['message']}")
        return answer["result"]

    def go(self, url):
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def js(self, body, *args):
        declared = f"""async (given) => JSON.stringify(
            await (async function () {{ {body} }}).apply(null, JSON.parse(given)) ?? null)"""
        given = [{"type": "string", "value": json.dumps(args)}]
        said = self.send(
            "script.callFunction",
            functionDeclaration=declared,
            arguments=given,
            target={"context": self.context},
            awaitPromise=True,
            userActivation=False,
        )
        if said["type"] == "exception":
            raise Failed(said["exceptionDetails"]["text"])
        return json.loads(said["result"]["value"])

    def act(self, *sources):
        self.send("input.performActions", context=self.context, actions=list(sources))

    def resize(self, width, height):
        size = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.context, viewport=size, devicePixelRatio=1)

    def picture(self):
        return base64.b64decode(self.send("browsingContext.captureScreenshot", context=self.context)["data"])


class WebKit(Window):
    """WebKitGTK's MiniBrowser on a display of its own, over WebDriver."""

    name = "webkit"
    BAR = 36  # pixels of MiniBrowser's own above the page
    MINI = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"

    @classmethod
    def missing(cls):
        """What is not installed, in words, or None."""
        if find("WebKitWebDriver") and find(cls.MINI) and find("Xvfb"):
            return None
        return "WebKitGTK and a display (Debian: apt-get install webkit2gtk-driver xvfb)"

    @classmethod
    @contextlib.contextmanager
    def start(cls, folder):
        """A window of a browser that keeps its settings in `folder`."""
        (folder / "gtk-3.0").mkdir()
        (folder / "gtk-3.0" / "gtk.css").write_text(NARROW)
        own = {name: str(folder) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
        own["WEBKIT_SKIA_ENABLE_CPU_RENDERING"] = "1"  # a display without a graphics card is slower at it
        with contextlib.ExitStack() as stack:
            read, write = os.pipe()
            screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1400x24", "-noreset"]
            stack.enter_context(running(screen, pass_fds=[write]))
            os.close(write)
            with os.fdopen(read) as told:
                own["DISPLAY"] = f":{told.readline().strip()}"
            port = free_port()
            stack.enter_context(running(["WebKitWebDriver", f"--port={port}"], env=os.environ | own))
            window = cls()
            window.address = f"http://127.0.0.1:{port}/session"
            wait(window._answers)
            options = {"binary": find(cls.MINI), "args": ["--automation"]}
            wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
            window.address += "/" + window.send("POST", "", wanted)["sessionId"]
            try:
                yield window
            finally:
                window.send("DELETE", "")

    def _answers(self):
        with contextlib.suppress(urllib.error.URLError):
            return urllib.request.urlopen(self.address.replace("session", "status"))

    def send(self, method, path, given=None):
        """The value of a command."""
        data = None if given is None else json.dumps(given).encode()
        asked = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise Failed(f"{path}: {told['error']}: {told['message']}") from None

    def go(self, url):
        self.send("POST", "/url", {"url": url})

    def js(self, body, *args):
        script = f"""const [args, done] = [[...arguments].slice(0, -1), arguments[arguments.length - 1]];
            (async function () {{ {body} }}).apply(null, args)
                .then((value) => done([value ?? null]), (error) => done([null, String(error)]))"""
        value, *error = self.send("POST", "/execute/async", {"script": script, "args": list(args)})
        if error:
            raise Failed(error[0])
        return value

    def act(self, *sources):
        self.send("POST", "/actions", {"actions": list(sources)})

    def resize(self, width, height):
        self.send("POST", "/window/rect", {"width": width, "height": height + self.BAR})
        wait(lambda: self.js("return [innerWidth, innerHeight]") == [width, height], what="a window of that size")

    def picture(self):
        return base64.b64decode(self.send("GET", "/screenshot"))


def free_port():
    """A port that nobody listens at."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
