//! A proxy in front of PostgreSQL that reads the protocol, knows which statement each request is about, and can stop at
//! any of them: before it is forwarded, before its answer is, or after. Who set the trap decides how it goes on.
//!
//! A request is what a client sends before it waits: a query, or the messages up to a Sync. Without TLS only.

mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use wire::{Message, Names, Request};

/// How many messages of one direction are read ahead.
const QUEUE: usize = 64;

/// How long a client may take to close a connection whose error it got.
const FAREWELL: Duration = Duration::from_secs(1);

/// One request that passed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Step {
    /// The statement's text, its white space as single spaces; empty for a request without a statement.
    pub statement: String,
    /// Whether the statement was executed, not only parsed.
    pub executed: bool,
    /// Whether a transaction was open before it.
    pub within_transaction: bool,
}

/// Which request a trap is for. Requests of all connections count, from when the trap was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The first that is equal to this one.
    Step(Step),
    /// The one of this number, from 0.
    Number(usize),
}

/// At which moment of a request a trap closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Nothing of it has been forwarded.
    BeforeRequest,
    /// All of it but its last bytes has: what was executed before a Sync has no transaction end yet.
    WithinRequest,
    /// The server has answered, the client does not know.
    BeforeAnswer,
    /// The client has the answer.
    AfterAnswer,
}

impl When {
    /// All of them, in the order of time.
    pub const ALL: [Self; 4] = [
        Self::BeforeRequest,
        Self::WithinRequest,
        Self::BeforeAnswer,
        Self::AfterAnswer,
    ];
}

/// A request in a trap: its connection stands still until it is decided how it goes on. Dropping this cuts the connection.
#[derive(Debug)]
pub struct Caught(oneshot::Sender<Decision>);

#[derive(Debug)]
enum Decision {
    GoOn,
    Cut,
    Fail,
}

impl Caught {
    /// As if nothing had happened.
    pub fn go_on(self) {
        self.decide(Decision::GoOn);
    }

    /// Resets the connection on both sides.
    pub fn cut(self) {
        self.decide(Decision::Cut);
    }

    /// Answers the client with an error in place of the server's answer, and resets the connection.
    pub fn fail(self) {
        self.decide(Decision::Fail);
    }

    fn decide(self, decision: Decision) {
        // A connection that has ended meanwhile needs no decision.
        drop(self.0.send(decision));
    }
}

#[derive(Debug)]
struct Trap {
    at: At,
    when: When,
    caught: oneshot::Sender<Caught>,
}

#[derive(Debug, Default)]
struct Watch {
    /// Since the last trap was set, or the steps were taken.
    steps: Vec<Step>,
    trap: Option<Trap>,
}

impl Watch {
    /// Notes a request, and returns the trap if it is for this one.
    fn passes(&mut self, step: Step) -> Option<Trap> {
        let number = self.steps.len();
        let trap = self.trap.take_if(|trap| match &trap.at {
            At::Step(wanted) => *wanted == step,
            At::Number(wanted) => *wanted == number,
        });
        self.steps.push(step);
        trap
    }
}

/// Listens until it is dropped.
#[derive(Debug)]
pub struct StatementProxy {
    /// Where it listens.
    pub address: SocketAddr,
    watch: Arc<Mutex<Watch>>,
    accepting: JoinHandle<()>,
}

impl StatementProxy {
    /// Forwards to the server of this URL.
    pub async fn start(server: &Url) -> Self {
        let host = server.host_str().expect("a host").to_owned();
        let upstream = format!("{host}:{}", server.port().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port for the proxy");
        let address = listener.local_addr().expect("bound");
        let watch = Arc::<Mutex<Watch>>::default();
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&watch)));
        Self {
            address,
            watch,
            accepting,
        }
    }

    /// The URL of a database of the server, by way of this proxy.
    pub fn url(&self, direct: &Url) -> Url {
        let mut url = direct.clone();
        url.set_host(Some(&self.address.ip().to_string())).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url.query_pairs_mut().append_pair("sslmode", "disable");
        url
    }

    /// Takes the steps since the last call or trap.
    pub fn take_steps(&self) -> Vec<Step> {
        std::mem::take(&mut self.watch.lock().steps)
    }

    /// How many steps there were since then that executed a statement with this word in it.
    pub fn count_executed(&self, word: &str) -> usize {
        let watch = self.watch.lock();
        let executed = watch
            .steps
            .iter()
            .filter(|step| step.executed && step.statement.contains(word));
        executed.count()
    }

    /// Sets the trap, in place of an earlier one, and counts steps from now. Resolves once a request is in it; never to a value
    /// after another trap was set.
    pub fn trap(&self, at: At, when: When) -> oneshot::Receiver<Caught> {
        let (caught, receiver) = oneshot::channel();
        let mut watch = self.watch.lock();
        watch.steps.clear();
        watch.trap = Some(Trap { at, when, caught });
        receiver
    }

    /// Takes the trap away, if nothing was in it.
    pub fn open(&self) {
        self.watch.lock().trap = None;
    }
}

impl Drop for StatementProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: String, watch: Arc<Mutex<Watch>>) {
    // Dropped with this task, which drops the connections.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let (upstream, watch) = (upstream.clone(), Arc::clone(&watch));
                connections.spawn(async move { Connection::run(client, &upstream, watch).await });
            },
            Some(ended) = connections.join_next() => {
                // The client sees a connection that ended; a proxy that does not understand it must be seen in the test.
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
    }
}

struct Connection {
    client: OwnedWriteHalf,
    server: OwnedWriteHalf,
    from_client: mpsc::Receiver<Message>,
    from_server: mpsc::Receiver<Message>,
    watch: Arc<Mutex<Watch>>,
    /// As the server said last.
    within_transaction: bool,
}

impl Connection {
    /// Forwards until one side has ended, or a trap ends both: they are reset, as those of a process that was killed.
    async fn run(client: TcpStream, upstream: &str, watch: Arc<Mutex<Watch>>) -> io::Result<()> {
        let server = TcpStream::connect(upstream).await?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
            stream.set_zero_linger()?;
        }
        let (mut client_reads, client) = client.into_split();
        let (server_reads, mut server) = server.into_split();
        server.write_all(&wire::startup(&mut client_reads).await?).await?;
        // Dropped with this future, with all that they read.
        let mut readers = JoinSet::new();
        let mut connection = Self {
            client,
            server,
            from_client: read(&mut readers, client_reads),
            from_server: read(&mut readers, server_reads),
            watch,
            within_transaction: false,
        };
        connection.serve().await
    }

    async fn serve(&mut self) -> io::Result<()> {
        let (mut request, mut names) = (Request::default(), Names::default());
        loop {
            tokio::select! {
                // Also what it says unasked: that it shuts down, that a transaction was idle for too long.
                message = self.from_server.recv() => match message {
                    Some(message) => self.client.write_all(&message.bytes).await?,
                    None => return Ok(()),
                },
                message = self.from_client.recv() => match message {
                    // A password, or a row of a copy: no one waits for an answer to it alone.
                    Some(message) if matches!(message.kind, b'p' | b'd') => self.server.write_all(&message.bytes).await?,
                    Some(message) if message.kind == b'X' => return self.server.write_all(&message.bytes).await,
                    Some(message) => if request.add(&message, &mut names) {
                        self.step(std::mem::take(&mut request)).await?;
                    },
                    None => return Ok(()),
                },
            }
        }
    }

    async fn step(&mut self, request: Request) -> io::Result<()> {
        let step = Step {
            statement: request.statement,
            executed: request.executes,
            within_transaction: self.within_transaction,
        };
        let mut trap = self.watch.lock().passes(step);
        self.trapped(&mut trap, When::BeforeRequest).await?;
        let (first, last) = request.bytes.split_at(request.bytes.len() - 3);
        self.server.write_all(first).await?;
        self.trapped(&mut trap, When::WithinRequest).await?;
        self.server.write_all(last).await?;
        let mut answer = Vec::new();
        loop {
            let Some(message) = self.from_server.recv().await else {
                // What it said before it ended.
                self.client.write_all(&answer).await?;
                return Err(io::ErrorKind::ConnectionReset.into());
            };
            answer.extend_from_slice(&message.bytes);
            if message.ends_an_answer() {
                self.within_transaction = message.is_within_transaction();
                break;
            }
        }
        self.trapped(&mut trap, When::BeforeAnswer).await?;
        self.client.write_all(&answer).await?;
        self.trapped(&mut trap, When::AfterAnswer).await
    }

    /// Stands still if the trap is for this moment; returns an error if the connection is to end.
    async fn trapped(&mut self, trap: &mut Option<Trap>, moment: When) -> io::Result<()> {
        let Some(trap) = trap.take_if(|trap| trap.when == moment) else {
            return Ok(());
        };
        let (decide, decision) = oneshot::channel();
        // Who does not wait for the trap any more has dropped it, and the connection with it.
        drop(trap.caught.send(Caught(decide)));
        match decision.await.unwrap_or(Decision::Cut) {
            Decision::GoOn => return Ok(()),
            Decision::Cut => {}
            Decision::Fail => {
                let text = "terminating connection due to administrator command";
                self.client.write_all(&Message::error("57P01", text)).await?;
                // A reset would overtake the error.
                let closed = async { while self.from_client.recv().await.is_some() {} };
                drop(tokio::time::timeout(FAREWELL, closed).await);
            }
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

fn read(readers: &mut JoinSet<()>, mut from: OwnedReadHalf) -> mpsc::Receiver<Message> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    readers.spawn(async move {
        while let Some(message) = Message::read(&mut from).await {
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    receiver
}
