"""The vendors' libraries and those of the standards, Python's in this process, JavaScript's in a worker."""

import base64
import json
import subprocess
from importlib.metadata import version
from pathlib import Path


class Node:
    """The worker that the JavaScript libraries run in."""

    process = None
    folder = None

    @classmethod
    def start(cls, folder):
        cls.folder = Path(folder)
        cls.process = subprocess.Popen(["node", str(cls.folder / "worker.mjs")], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)

    @classmethod
    def call(cls, operation, **request):
        if isinstance(request.get("body"), bytes):
            request["body"] = base64.b64encode(request["body"]).decode()
        cls.process.stdin.write(json.dumps({"operation": operation, **request}) + "\n")
        cls.process.stdin.flush()
        answer = json.loads(cls.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{operation}: {answer['error']}")
        return answer.get("result")

    @classmethod
    def stop(cls):
        cls.process.stdin.close()
        cls.process.wait(timeout=10)


def pypi(name):
    return f"{name} {version(name)} (PyPI)"


def npm(name):
    package = json.loads((Node.folder / "node_modules" / name / "package.json").read_text())
    return f"{name} {package['version']} (npm)"


PLAIN = "Python's own hmac, compared with Node's own crypto"


def is_text(body: bytes) -> bool:
    try:
        body.decode()
        return True
    except UnicodeDecodeError:
        return False


def succeeds(verify) -> bool:
    """A library says no by raising something of its own, or by raising whatever broke; both are a no."""
    try:
        return verify() is not False
    except Exception:  # noqa: BLE001
        return False
