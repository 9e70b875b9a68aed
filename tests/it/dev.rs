//! The first hour: what `forebay dev` prints and forwards, what it keeps of refused requests, and which configuration is used.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use harness::program::{command, run, stderr, stdout};
use harness::receiver::{Answer, Receiver};
use harness::{eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(30);

/// `forebay dev` with what it prints; killed on drop.
struct Dev {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Dev {
    /// Starts it in an empty folder, on free ports, and waits for the end of the banner.
    async fn start(arguments: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"), arguments).await
    }

    async fn start_in(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let (port, admin) = (free_port(), free_port().to_string());
        let listen = port.to_string();
        let ports = ["dev", "--listen", &listen, "--admin", &admin];
        let file = |name| File::create(folder.path().join(name)).expect("a file");
        let child = command(&[&ports[..], arguments].concat(), folder.path())
            .stdout(Stdio::from(file("printed")))
            .stderr(Stdio::from(file("logged")))
            .spawn()
            .expect("the program starts");
        let dev = Self { child, port, folder };
        dev.prints("times are UTC").await;
        dev
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.path().join("printed")).unwrap_or_default()
    }

    /// Waits for a line with this text, and returns it.
    async fn prints(&self, text: &str) -> String {
        let what = format!("a line with `{text}`");
        eventually(&what, PATIENCE, async || {
            let printed = self.printed();
            printed.lines().find(|line| line.contains(text)).map(str::to_owned)
        })
        .await
    }

    /// Sends to it; returns what was printed, and whether that went well.
    fn send(&self, arguments: &[&str]) -> (String, bool) {
        let base = self.base();
        let sent = run(&[&["send"][..], arguments, &["--url", &base]].concat(), self.path());
        let said = format!("{}{}", stdout(&sent), stderr(&sent));
        (said, sent.status.success())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_says_what_to_register_and_a_line_for_each_webhook_and_delivery() {
    let dev = Dev::start(&[]).await;
    let banner = dev.printed();
    assert!(banner.lines().all(|line| line.chars().count() <= 80), "{banner}");
    for part in [
        &*format!("{}/in/chatwoot ", dev.base()),
        "chatwoot-dev-secret",
        "digisac/digisac-dev-url-secret",
        "configuration  built in",
    ] {
        assert!(banner.contains(part), "{part}: {banner}");
    }
    let (said, well) = dev.send(&["chatwoot"]);
    assert!(well && said.contains(" 200  message.created "), "{said}");
    let id = said.trim_end().rsplit(' ').next().expect("an id").to_owned();
    let line = dev.prints(&id).await;
    assert!(line.contains("<- chatwoot ") && line.contains(" 200 "), "{line}");
    let stored = dev.prints("-> sqlite").await;
    assert!(stored.contains("message.created"), "{stored}");
    assert!(!dev.printed().contains('\u{1b}'), "no colour where no terminal is");
    let logged = std::fs::read_to_string(dev.path().join("logged")).expect("there");
    assert!(!logged.contains("INFO"), "{logged}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_request_can_be_had_again() {
    let dev = Dev::start(&[]).await;
    let (said, well) = dev.send(&["chatwoot", "--forge"]);
    assert!(well && said.contains(" 401 "), "{said}");
    let line = dev.prints("refused #1: ").await;
    assert!(line.contains("forebay verify --refused 1"), "{line}");
    for arguments in [&["verify", "--refused", "1"][..], &["verify", "#1"]] {
        let verified = run(arguments, dev.path());
        let said = stdout(&verified);
        assert_eq!(verified.status.code(), Some(1), "{said}");
        assert!(said.contains("does not pass") && said.contains("no_match"), "{said}");
    }
    let unknown = run(&["verify", "--refused", "9"], dev.path());
    assert_eq!(unknown.status.code(), Some(2));
    let said = stderr(&unknown);
    assert!(said.contains("no refused request 9 in forebay-data"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_forwarded_signed_without_any_file() {
    let receiver = Receiver::start([Answer::Status(202)]).await;
    let url = receiver.url();
    let dev = Dev::start(&["--forward-to", &url, "--events", "message.*"]).await;
    let line = dev.prints("signing secret ").await;
    let secret = line.rsplit(' ').next().expect("a secret");
    for platform in ["standard", "chatwoot"] {
        let (said, well) = dev.send(&[platform]);
        assert!(well, "{said}");
    }
    let seen = eventually("the delivery", PATIENCE, async || receiver.seen().first().cloned()).await;
    let verifier = standardwebhooks::Webhook::new(secret).expect("a valid key");
    verifier
        .verify(&seen.body, &seen.headers)
        .expect("the signature fits the secret that was printed");
    let event: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(event["type"], "message.created");
    let delivered = dev.prints("  [1]").await;
    let name = format!("-> 127.0.0.1:{}", receiver.address.port());
    assert!(delivered.contains(&name) && delivered.contains(" 202 "), "{delivered}");
    assert_eq!(receiver.seen().len(), 1, "no other type was asked for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_running_is_told_and_gets_the_event_later() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/hook");
    let dev = Dev::start(&["--forward-to", &url]).await;
    let (said, well) = dev.send(&["chatwoot"]);
    assert!(well, "{said}");
    let text = format!("cannot connect to 127.0.0.1:{port}: is it running? again within");
    dev.prints(&text).await;
    let receiver = Receiver::start_at(&format!("127.0.0.1:{port}"), [Answer::Status(200)]).await;
    eventually("the delivery", PATIENCE, async || receiver.seen().first().cloned()).await;
    let delivered = dev.prints(" 200  message.created  ").await;
    assert!(!delivered.is_empty());
    assert_eq!(dev.printed().matches(&text).count(), 1, "it is said once");
}

const OWN: &str = "\
sources:
  - { id: shop, platform: standard, secrets: [whsec_Zm9yZWJheS1kZXYtc3RhbmRhcmQta2V5LTAx] }
sinks: { sqlite: {} }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_in_the_folder_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("forebay.yaml"), OWN).expect("written");
    let dev = Dev::start_in(folder, &[]).await;
    let banner = dev.printed();
    assert!(banner.contains("configuration  forebay.yaml"), "{banner}");
    assert!(banner.contains("/in/shop") && !banner.contains("whsec_Zm9"), "{banner}");
    let (said, well) = dev.send(&["standard"]);
    assert!(well && said.starts_with("shop "), "{said}");
    let (said, well) = dev.send(&["standard", "--source", "nope"]);
    assert!(!well && said.contains("there is: `shop`"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn send_takes_the_port_of_the_configuration_and_posts_all_samples() {
    let folder = tempfile::tempdir().expect("a folder");
    let dev = Dev::start_in(folder, &[]).await;
    let text = format!("{OWN}ingest: {{ listen: '127.0.0.1:{}' }}\n", dev.port);
    let text = text.replace("id: shop", "id: standard");
    std::fs::write(dev.path().join("forebay.yaml"), text).expect("written");
    let sent = run(&["send", "--all"], dev.path());
    let said = stdout(&sent);
    assert!(sent.status.success(), "{said}{}", stderr(&sent));
    let summary = said.lines().last().expect("a summary");
    assert!(
        summary.contains(" posted, ") && summary.contains(" 0 refused"),
        "{summary}"
    );
    let address = format!("127.0.0.1:{}", dev.port);
    let json = run(&["send", "standard", "--url", &address, "-o", "json"], dev.path());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("one JSON object");
    assert_eq!(json["status"], 200);
    assert!(json["events"][0]["type"].is_string(), "{json}");
}

#[test]
fn send_without_a_server_says_what_to_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("127.0.0.1:{}", free_port());
    let sent = run(&["send", "chatwoot", "--url", &address], folder.path());
    let said = stderr(&sent);
    assert!(said.contains(&format!("http://{address}/in/chatwoot")), "{said}");
    assert!(said.contains("start `forebay dev`"), "{said}");
    let listed = run(&["send", "chatwoot", "--list"], folder.path());
    assert!(stdout(&listed).contains("  message.created"));
}

#[test]
fn without_a_configuration_a_command_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let checked = run(&["check"], folder.path());
    assert_eq!(checked.status.code(), Some(2));
    assert!(
        stderr(&checked).contains("there is no forebay.yaml here"),
        "{}",
        stderr(&checked)
    );
    let listed = run(&["sources", "list"], folder.path());
    assert!(listed.status.success(), "{}", stderr(&listed));
    assert!(stdout(&listed).contains("/in/chatwoot"));
    let empty = command(&["check"], folder.path()).env("FOREBAY_CONFIG", "").output();
    let empty = empty.expect("the program starts");
    assert!(stderr(&empty).contains("FOREBAY_CONFIG is empty"), "{}", stderr(&empty));
}

#[test]
fn who_lists_the_sources_needs_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "sources:\n  - id: a\n    platform: chatwoot\n    secrets:\n      - ${NO_SUCH_SECRET}\n";
    std::fs::write(folder.path().join("forebay.yaml"), text).expect("written");
    let listed = run(&["sources", "list"], folder.path());
    assert!(listed.status.success(), "{}", stderr(&listed));
    let sent = run(&["send", "chatwoot"], folder.path());
    assert!(stderr(&sent).contains("NO_SUCH_SECRET"), "{}", stderr(&sent));
}

#[test]
fn a_made_secret_is_fit_for_an_endpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = run(&["secret", "-n", "2"], folder.path());
    let text = stdout(&made);
    let secrets: Vec<&str> = text.lines().collect();
    assert_eq!(secrets.len(), 2);
    assert_ne!(secrets[0], secrets[1]);
    let config = format!(
        "event_log: {{ journal: {{}} }}\nsinks: {{ http: {{}} }}\nendpoints:\n  - {{ id: crm, url: 'https://crm.example.com/in', secrets: [{}] }}\n",
        secrets[0]
    );
    std::fs::write(folder.path().join("forebay.yaml"), config).expect("written");
    let checked = run(&["check"], folder.path());
    assert!(checked.status.success(), "{}", stderr(&checked));
    for (count, expected) in [("0", "make at least 1"), ("two", "write a whole number")] {
        let refused = run(&["secret", "-n", count], folder.path());
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
    }
}

#[test]
fn the_base_url_of_connect_is_the_base() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("forebay.yaml"), OWN).expect("written");
    let url = "https://hooks.example.com/in/shop";
    let connected = run(&["sources", "connect", "standard", "--url", url], folder.path());
    assert_eq!(connected.status.code(), Some(2));
    assert!(stderr(&connected).contains("leave /in/… out"), "{}", stderr(&connected));
}

#[test]
fn a_port_that_is_taken_is_chosen_with_a_flag_where_there_is_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    for (arguments, flag) in [
        (["--listen", &*address, "--admin", "127.0.0.1:0"], "`--listen`"),
        (["--admin", &*address, "--listen", "127.0.0.1:0"], "`--admin`"),
    ] {
        let ended = run(&[&["dev"][..], &arguments].concat(), folder.path());
        let said = stderr(&ended);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains(&address) && said.contains(flag), "{said}");
    }
}
