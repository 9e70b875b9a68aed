"""The real things that the proof runs on: Kafka, PostgreSQL, the program in both roles, receivers, and Prometheus."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from proof import traffic

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Longer than the 2 seconds that a check for readiness may take: a scrape asks them all, and has to be done within its interval.
SCRAPE_SECONDS = 5
OTHERS = ["slow", "broken", "away", "gone", "unwilling", "forbidden"]

# Endpoints: one that works and checks signatures, one that is slow, and five that take nothing: by 500, by 404, by 410, away, and at
# an address that is forbidden.
CONFIG = """
logging: {{ format: json }}
admin: {{ listen: "127.0.0.1:{admin}" }}
event_log:
  kafka: {{ brokers: "{kafka}" }}
  partitions: 6
  replication: 1
ingest:
  listen: 127.0.0.1:{ingest}
  max_body_bytes: {body_max}
sources:
  - {{ id: billing, platform: standard, secrets: ["{billing_new}", "{billing_old}"] }}
  - {{ id: shop, platform: github, secrets: ["{shop}"] }}
  - {{ id: support, platform: chatwoot, secrets: [a-secret-of-support] }}
  - {{ id: bridge, platform: baileys, secrets: [a-token-of-the-bridge], url_secrets: [a-secret-in-the-url-of-the-bridge], max_body_bytes: 262144 }}
endpoints:
  - {{ id: crm, url: "http://127.0.0.1:{crm}/", secrets: ["{crm_secret}"] }}
  - {{ id: slow, url: "http://127.0.0.1:{slow}/", events: ["invoice.*"], secrets: ["{slow_secret}"] }}
  - {{ id: broken, url: "http://127.0.0.1:{broken}/", events: [invoice.paid], secrets: ["{broken_secret}"] }}
  - {{ id: away, url: "http://127.0.0.1:{away}/", events: ["github.*"], secrets: ["{away_secret}"] }}
  - {{ id: gone, url: "http://127.0.0.1:{gone}/", events: [ticket.closed], secrets: ["{gone_secret}"] }}
  - {{ id: unwilling, url: "http://127.0.0.1:{unwilling}/", events: ["contact.*"], secrets: ["{unwilling_secret}"] }}
  - {{ id: forbidden, url: "https://ip6-localhost/", events: ["connection.*"], secrets: ["{forbidden_secret}"] }}
rules_file: rules.yaml
store:
  postgres: {{ url: "{postgres}" }}
sinks:
  postgres: {{ url: "{postgres}" }}
  http:
    allowed_networks: [127.0.0.0/8]
    retry: {{ base: 1s, factor: 2, max: 8s, max_attempts: 5 }}
"""

RULES = """
rules:
  - name: everything
    when: "true"
    to: [postgres, http]
  - name: large
    when: event.data.raw.data.amount > 400
    to: [http]
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def await_answer(url, seconds=60):
    deadline = time.time() + seconds
    while True:
        try:
            return get(url)
        except (urllib.error.URLError, OSError):
            if time.time() > deadline:
                raise
            time.sleep(0.2)


def prometheus_program(folder):
    """Debian's, unpacked into a folder: nothing is installed, no service starts."""
    found = shutil.which("prometheus")
    if found:
        return found
    unpacked = folder / "prometheus-package"
    unpacked.mkdir()
    say("fetching the package of Prometheus")
    subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=unpacked, stdout=subprocess.DEVNULL, check=True)
    package = next(unpacked.glob("prometheus_*.deb"))
    subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    return str(unpacked / "usr/bin/prometheus")


class Rig:
    """Everything that runs; `end` ends what was started."""

    def __init__(self, folder, program, prometheus):
        self.folder, self.program = folder, str(program.resolve())
        self.prometheus_program = prometheus or prometheus_program(folder)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY_")}
        self.children = {}
        self.ports = {}

    def services(self, *words):
        """`deploy/local/services`, on a folder of our own: no one else's services are touched."""
        command = [str(ROOT / "deploy/local/services"), "--dir", str(self.folder / "services"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def start(self):
        say("starting Kafka and PostgreSQL")
        addresses = dict(line.removeprefix("export ").split("=", 1) for line in self.services("start").splitlines())
        secret = traffic.whsec("the receiver")
        self.values = {
            "kafka": addresses["FOREBAY_TEST_KAFKA"],
            "postgres": addresses["FOREBAY_TEST_POSTGRES"],
            "ingest": free_port(),
            "crm": free_port(),
            "slow": traffic.receiver(204, 0.2),
            "broken": traffic.receiver(500),
            "gone": traffic.receiver(410),
            "unwilling": traffic.receiver(404),
            "away": free_port(),
            "crm_secret": secret,
            **{f"{name}_secret": traffic.whsec(f"endpoint {name}") for name in OTHERS},
            "billing_new": traffic.BILLING_NEW,
            "billing_old": traffic.BILLING_OLD,
            "shop": traffic.SHOP_SECRET,
            "body_max": traffic.BODY_MAX,
        }
        (self.folder / "rules.yaml").write_text(RULES)
        self.spawn(
            "receiver",
            [sys.executable, str(ROOT / "docs/receivers/receiver.py"), str(self.values["crm"])],
            {"FOREBAY_SECRET": secret},
        )
        subprocess.run(
            [self.program, "migrate", "--config", self.configuration("migrate")], check=True, env=self.environment
        )
        self.role("ingest-0", "ingest")
        self.role("worker-postgres-0", "process", "--sink", "postgres")
        self.role("worker-http-0", "process", "--sink", "http")
        # One that starts later.
        self.configuration("worker-http-1")
        self.start_prometheus()
        return traffic.Traffic(self.values["ingest"], self.program, self.configuration("senders"), self.environment)

    def configuration(self, name):
        self.ports[name] = free_port()
        path = self.folder / f"{name}.yaml"
        path.write_text(CONFIG.format(admin=self.ports[name], **self.values))
        return str(path)

    def role(self, name, *words):
        path = self.folder / f"{name}.yaml"
        path = str(path) if path.exists() else self.configuration(name)
        self.spawn(name, [self.program, *words, "--config", path])
        await_answer(f"http://127.0.0.1:{self.ports[name]}/livez")

    def start_prometheus(self):
        targets = {name: port for name, port in self.ports.items() if name.startswith(("ingest", "worker"))}
        lines = [f"global: {{scrape_interval: {SCRAPE_SECONDS}s}}", "scrape_configs:"]
        lines += ["  - job_name: forebay", "    honor_labels: true", "    static_configs:"]
        for name, port in targets.items():
            # Half of them as in Kubernetes, where the operator's `endpoint` is the name of a port and must not replace ours.
            more = ", namespace: webhooks, endpoint: metrics" if name.startswith("worker") else ""
            lines.append(f"      - {{targets: ['127.0.0.1:{port}'], labels: {{instance: {name}{more}}}}}")
        # Another program under the same Prometheus: none of its series may come into a panel.
        self.ports["prometheus"] = free_port()
        lines += ["  - job_name: prometheus", "    static_configs:"]
        lines.append(f"      - targets: ['127.0.0.1:{self.ports['prometheus']}']")
        config = self.folder / "prometheus.yaml"
        config.write_text("\n".join(lines) + "\n")
        self.spawn(
            "prometheus",
            [
                self.prometheus_program,
                f"--config.file={config}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
            ],
        )
        self.prometheus = f"http://127.0.0.1:{self.ports['prometheus']}"
        await_answer(f"{self.prometheus}/-/ready")

    def spawn(self, name, command, environment=None):
        log = open(self.folder / f"{name}.log", "ab")
        self.children[name] = subprocess.Popen(
            command, stdout=log, stderr=log, env={**self.environment, **(environment or {})}
        )

    def end_one(self, name):
        child = self.children.pop(name)
        child.terminate()
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def metrics(self, name):
        return get(f"http://127.0.0.1:{self.ports[name]}/metrics")

    def dead(self):
        return [name for name, child in self.children.items() if child.poll() is not None]

    def end(self):
        for name in list(self.children):
            self.end_one(name)
        self.services("clean")
