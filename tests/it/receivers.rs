//! The receivers that the documents show (`docs/receivers`, `examples/receiver.rs`) take real deliveries and refuse forged ones.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, net::TcpListener, thread};

use standardwebhooks::Webhook;

const SECRET: &str = "whsec_Zm9yZWJheS1yZWNlaXZlci10ZXN0LWtleS0wMDAx";
const OTHER: &str = "whsec_Zm9yZWJheS1yZWNlaXZlci10ZXN0LWtleS0wMDAy";
const BODY: &str = "{\"id\":\"019cd7f6-f0e0-8000-8000-000000000001\",\n \"type\":\"message.created\",\"data\":{\"text\":\"Ol\u{e1}\"}}";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A receiver, ended when it is dropped.
struct Receiver {
    child: Child,
    port: u16,
    out: PathBuf,
    _folder: tempfile::TempDir,
}

impl Receiver {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .expect("a port")
            .local_addr()
            .expect("bound")
            .port();
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out");
        let child = Command::new(program)
            .args(arguments)
            .arg(port.to_string())
            .env("FOREBAY_SECRET", SECRET)
            .current_dir(root().join("docs/receivers"))
            .stdout(fs::File::create(&out).expect("a file"))
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let receiver = Self {
            child,
            port,
            out,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_mins(2);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "{program} does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        receiver
    }

    /// The status that it answers to a delivery.
    async fn post(&self, id: &str, timestamp: i64, signature: &str) -> u16 {
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let request = http::Request::post(format!("http://127.0.0.1:{}/hook", self.port))
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp.to_string())
            .header("webhook-signature", signature)
            .body(http_body_util::Full::new(bytes::Bytes::from(BODY)))
            .expect("a request");
        client.request(request).await.expect("an answer").status().as_u16()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // `go run` starts the program as a child of its own.
        drop(
            Command::new("pkill")
                .args(["-P", &self.child.id().to_string()])
                .status(),
        );
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn check(receiver: Receiver) {
    let now = schemas::time::Timestamp::now().millis() / 1000;
    let sign = |secret: &str, id: &str, at: i64| {
        Webhook::new(secret)
            .expect("a key")
            .sign(id, at, BODY.as_bytes())
            .expect("signed")
    };
    let id = "019cd7f6-f0e0-8000-8000-000000000001";
    let right = sign(SECRET, id, now);
    assert_eq!(receiver.post(id, now, &right).await, 204, "a delivery");
    let rotated = format!("{} {right}", sign(OTHER, id, now));
    assert_eq!(
        receiver.post(id, now, &rotated).await,
        204,
        "while the secret is rotated"
    );
    assert_eq!(receiver.post(id, now, &sign(OTHER, id, now)).await, 401, "another key");
    assert_eq!(receiver.post("other", now, &right).await, 401, "another id");
    assert_eq!(receiver.post(id, now + 1, &right).await, 401, "another time");
    assert_eq!(
        receiver.post(id, now - 400, &sign(SECRET, id, now - 400)).await,
        401,
        "too old"
    );
    for nothing in ["", "v1,", "v1", "v1,AAAA"] {
        assert_eq!(receiver.post(id, now, nothing).await, 401, "`{nothing}`");
    }
    let printed = fs::read_to_string(&receiver.out).expect("its output");
    assert_eq!(printed.matches(id).count(), 2, "{printed}");
}

#[tokio::test]
async fn the_receiver_in_python_takes_what_is_signed_and_nothing_else() {
    check(Receiver::start("python3", &["receiver.py"])).await;
}

#[tokio::test]
async fn the_receiver_in_node_takes_what_is_signed_and_nothing_else() {
    check(Receiver::start("node", &["receiver.mjs"])).await;
}

#[tokio::test]
async fn the_receiver_in_go_takes_what_is_signed_and_nothing_else() {
    check(Receiver::start("go", &["run", "receiver.go"])).await;
}

#[tokio::test]
async fn the_receiver_in_rust_takes_what_is_signed_and_nothing_else() {
    // Cargo builds the examples beside the tests.
    let built = Path::new(env!("CARGO_BIN_EXE_forebay"))
        .with_file_name("examples")
        .join("receiver");
    check(Receiver::start(&built.display().to_string(), &[])).await;
}
