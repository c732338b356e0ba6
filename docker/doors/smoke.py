"""Starts the image's API on an empty PostgreSQL, asks it, and is let in by its token alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT = 8764
ADDRESS = f"http://127.0.0.1:{PORT}"
TOKENS = ["--tokens", "/tmp/tokens.json"]


def main() -> int:
    """0 where all is as it should be; else a sentence says what is not."""
    if os.getuid() != 10001:
        return fail(f"the image must not run as root; it runs as {os.getuid()}")
    made = subprocess.run(
        ["strata", "serve", "graphql", *TOKENS, "--token", "smoke=reader"],
        capture_output=True,
        text=True,
        check=True,
    )
    command = ["strata", "serve", "graphql", *TOKENS, "--port", str(PORT)]
    server = subprocess.Popen([*command, "--data", "/tmp/postgres", "--warehouse", "/tmp/none"])
    try:
        wait(server)
        answer = ask(made.stdout.strip())
        if answer != {"data": {"publication": None, "products": {"nodes": []}}}:
            return fail(f"an empty shop has no publication and no products; got {answer}")
        try:
            ask("nobody")
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                return fail(f"a wrong token is answered with 401; got {refused.code}")
        else:
            return fail("a wrong token must not be let in")
    finally:
        server.terminate()
        server.wait(timeout=60)
    print("smoke: the API answered over PostgreSQL, and let nobody else in")
    return 0


def fail(why: str) -> int:
    """Says what is wrong; the exit code fails the build."""
    print(f"smoke: {why}", file=sys.stderr)
    return 1


def wait(server: subprocess.Popen[bytes]) -> None:
    """Until the page is there; the server makes a database first."""
    ends = time.monotonic() + 120
    while time.monotonic() < ends and server.poll() is None:
        try:
            urllib.request.urlopen(ADDRESS, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("smoke: the API did not come up")


def ask(token: str) -> object:
    """The API's answer to one question."""
    body = json.dumps({"query": "{ publication { number } products { nodes { name } } }"}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{ADDRESS}/graphql", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
