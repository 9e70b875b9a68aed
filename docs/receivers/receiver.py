# A receiver of Forebay's deliveries. Run: FOREBAY_SECRET=whsec_… python3 receiver.py 3000
import base64, hashlib, hmac, http.server, json, os, sys, time

KEY = base64.b64decode(os.environ["FOREBAY_SECRET"].removeprefix("whsec_"))

def verified(headers, body):
    webhook_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not sent.isascii() or not sent.isdigit() or abs(time.time() - int(sent)) > 300:
        return False
    digest = hmac.digest(KEY, f"{webhook_id}.{sent}.".encode() + body, hashlib.sha256)
    wanted = b"v1," + base64.b64encode(digest)  # several signatures while a secret is rotated
    return any(hmac.compare_digest(wanted, given.encode()) for given in headers.get("webhook-signature", "").split(" "))

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        good = verified(self.headers, body)
        if good:
            event = json.loads(body)  # the same id again is the same event
            print(event["type"], event["id"], flush=True)
        self.send_response(204 if good else 401)
        self.end_headers()

http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Receiver).serve_forever()
