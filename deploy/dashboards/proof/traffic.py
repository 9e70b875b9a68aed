"""What the world does to Forebay while it is watched: senders good and bad, and receivers good and bad."""

import base64
import hashlib
import hmac
import http.client
import http.server
import json
import math
import random
import socket
import subprocess
import threading
import time

BODY_MAX = 65536


def whsec(text):
    return "whsec_" + base64.b64encode(text.encode().ljust(32, b"-")).decode()


BILLING_NEW, BILLING_OLD = whsec("billing, the newer"), whsec("billing, the older")
SHOP_SECRET = "a secret of the shop"


def receiver(answer, delay=0.0):
    """An endpoint that answers everything with one status, after a while. Returns its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            time.sleep(delay)
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Traffic:
    """Sends until `stop`, from a few threads."""

    def __init__(self, port, program, config, environment):
        self.port, self.program, self.config, self.environment = port, program, config, environment
        self.stopping = threading.Event()
        self.answers = {}
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self.repeat, args=work, daemon=True)
            for work in [
                (self.billing, 0.12),
                (self.shop, 0.3),
                (self.samples, 6.0),
                (self.refused, 2.5),
                (self.nonsense, 4.0),
                (self.silent, 8.0),
            ]
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=20)

    def repeat(self, work, seconds):
        """Senders come in waves, a minute and a half from one to the next."""
        number = 0
        while not self.stopping.is_set():
            try:
                work(number)
            except (OSError, http.client.HTTPException):
                self.count("no answer")
            number += 1
            wave = 1 + 0.6 * math.sin(time.time() / 90 * 2 * math.pi)
            self.stopping.wait(seconds * wave * random.uniform(0.7, 1.3))

    def count(self, answer):
        with self.lock:
            self.answers[answer] = self.answers.get(answer, 0) + 1

    def post(self, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", path, body, {"content-type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.count(str(answer.status))

    def signed(self, body, secret, webhook_id):
        sent = str(int(time.time()))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{webhook_id}.{sent}.".encode() + body, hashlib.sha256)
        signature = "v1," + base64.b64encode(digest).decode()
        headers = {"webhook-id": webhook_id, "webhook-timestamp": sent, "webhook-signature": signature}
        self.post("/in/billing", body, headers)

    def billing(self, number):
        """Some signed with the older secret, some sent twice, some of these with another body; a few amounts are texts."""
        webhook_id = f"msg_{time.time_ns()}"
        amount = "much" if number % 40 == 9 else random.randint(1, 500)
        event = {
            "type": random.choice(["invoice.paid", "invoice.sent", "order.shipped"]),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "data": {"id": f"c{number % 50}", "amount": amount},
        }
        secret = BILLING_OLD if number % 5 == 0 else BILLING_NEW
        self.signed(json.dumps(event).encode(), secret, webhook_id)
        if number % 15 == 0:
            if number % 2:
                event["data"]["amount"] = 0
            self.signed(json.dumps(event).encode(), secret, webhook_id)

    def shop(self, number):
        body = json.dumps({"action": "opened", "issue": {"id": number}, "repository": {"full_name": "a/b"}}).encode()
        signature = hmac.new(SHOP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        self.post(
            "/in/shop",
            body,
            {
                "x-github-event": "issues",
                "x-github-delivery": f"{time.time_ns()}",
                "x-hub-signature-256": f"sha256={signature}",
            },
        )

    def samples(self, number):
        """The samples that come with the program: signed as the platforms sign, the same each time, so repeats."""
        platform = ["chatwoot", "baileys"][number % 2]
        command = [self.program, "send", platform, "--all", "--config", self.config]
        subprocess.run(
            [*command, "--url", f"http://127.0.0.1:{self.port}"],
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    def refused(self, number):
        kind = number % 4
        if kind == 0:
            self.signed(b'{"type":"invoice.paid","data":{}}', whsec("a wrong secret"), f"msg_{time.time_ns()}")
        elif kind == 1:
            self.post("/in/shop", b"{}", {})
        elif kind == 2:
            self.post("/in/nobody", b"{}", {})
        else:
            self.post("/in/billing", b" " * (BODY_MAX + 1), {})

    def nonsense(self, _):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"this is not HTTP\r\n\r\n")
            connection.recv(1000)

    def silent(self, _):
        """Says nothing until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=12) as connection:
            connection.recv(1)
