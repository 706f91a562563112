"""See to it that there are a browser and nginx for the tests: python -m tests.browser.install."""

import os
import shutil
import subprocess
import sys

from tests.browser.harness import BROWSERS, find_browser, find_nginx

FONTS = "fonts-dejavu-core"
MISSING = f"""\
The browser tests need Chromium or Chrome, and none of these is on the PATH: {", ".join(BROWSERS)}.
It could not be installed from here: {{reason}}.
Install one (on Debian: apt-get install chromium {FONTS}) and try again."""


def privileged() -> list[str] | None:
    """What to put before a command that needs root: nothing, sudo, or None where neither will do."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def install(*packages: str) -> str | None:
    """Install packages of Debian's; returns why it could not be done, or None."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "this system has no apt-get"
    root = privileged()
    if root is None:
        return "that takes root, or a sudo that asks no password"
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", apt, "-q", "-y"]
    for step in (["update"], ["install", "--no-install-recommends", *packages]):
        if subprocess.run([*command, *step], stdin=subprocess.DEVNULL, check=False).returncode != 0:
            return f"apt-get {step[0]} failed"
    return None


def main() -> int:
    reason = None
    for browser in ("chromium-headless-shell", "chromium"):  # older systems do not have the first
        if not find_browser():
            reason = install(browser, FONTS)
    if not find_browser():
        print(MISSING.format(reason=reason or "apt-get installed none of them"), file=sys.stderr)
        return 1
    print(f"Browser for the tests: {find_browser()}")
    if not find_nginx():
        reason = install("nginx")
    print(f"nginx for the tests: {find_nginx() or f'none, its test is skipped ({reason})'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
