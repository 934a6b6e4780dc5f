# SPDX-License-Identifier: MIT
"""A headless Chromium, driven over the W3C WebDriver protocol with nothing but the standard library."""
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]


def missing():
    """What a test needs and this machine lacks, as a reason to skip; '' if all is there."""
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        return "Chromium is not installed (Debian: apt-get install chromium chromium-driver)"
    if not shutil.which("chromedriver"):
        return "chromedriver is not installed (Debian: apt-get install chromium-driver)"
    return ""


class Browser:
    """A browser with a fresh profile; use it as a context. Its methods raise RuntimeError with the browser's words."""

    def __init__(self, javascript=True, width=1280, height=900, dark=False):
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True)
        try:
            ready = next(line for line in self.driver.stdout if "started successfully on port" in line)
            self.base = f"http://127.0.0.1:{int(ready.strip().rstrip('.').split()[-1])}"
            options = {"args": [*FLAGS, f"--user-data-dir={self.profile.name}"]}
            if not javascript:
                options["prefs"] = {"profile.managed_default_content_settings.javascript": 2}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                      "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
            self.base += f"/session/{session['sessionId']}"
            self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                          mobile=width < 500)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the browser and its driver."""
        try:
            self.ask("DELETE", "")
        except Exception:  # it may never have come up; the driver ends what is left
            pass
        self.driver.terminate()
        try:
            self.driver.wait(20)
        except subprocess.TimeoutExpired:
            self.driver.kill()
        self.driver.stdout.close()
        self.profile.cleanup()

    def ask(self, method, path, body=None):
        """One command of the protocol; its value."""
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def devtools(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, address):
        self.ask("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        """The value of a function body run in the page (works with the page's own JavaScript off, too)."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def element(self, selector):
        return next(iter(self.ask("POST", "/element", {"using": "css selector", "value": selector}).values()))

    def click(self, selector):
        self.ask("POST", f"/element/{self.element(selector)}/click")

    def type(self, selector, text):
        self.ask("POST", f"/element/{self.element(selector)}/value", {"text": text})

    def log(self, kind):
        """Entries of a log since it was last asked for: 'browser' (the console) or 'performance' (DevTools events)."""
        return self.ask("POST", "/se/log", {"type": kind})

    def wait_for(self, script):
        """What the script returns, asked for until it is true; TimeoutError after a minute."""
        deadline = time.monotonic() + 60
        while not (got := self.run(script)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"for a minute this returned {got!r}: {script}")
            time.sleep(0.02)
        return got

    def requests(self):
        """Addresses that the page asked for since this was last called."""
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
