//! The API on sockets: who is let in, for how long, and how it ends.

use crate::support::{TOKEN, World};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use stockade_api::{DoorLimits, Doors};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Longer than anything here takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host that serves.
struct Serving {
    world: World,
    address: SocketAddr,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Serving {
    async fn with(limits: DoorLimits) -> Self {
        let world = World::behind(limits).await;
        let folder = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let control = Some(UnixListener::bind(folder.path().join("control.sock")).unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = stockade_api::serve(Doors { tcp, control }, world.state.clone(), async move { drop(stopped.await) });
        Self { world, address, folder, stop, server: tokio::spawn(serving) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn control(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("control.sock")).await.unwrap()
    }

    /// Connections that have sent `text` and stay as they are.
    async fn holding(&self, count: usize, text: &str) -> Vec<TcpStream> {
        let mut held = Vec::new();
        for _ in 0..count {
            let mut stream = self.connect().await;
            // One that was closed already takes nothing more.
            drop(stream.write_all(text.as_bytes()).await);
            held.push(stream);
        }
        held
    }

    /// What the host answers on a connection of its own.
    async fn answer(&self, request: &str) -> String {
        said(self.connect().await, request).await
    }

    /// The status of an answer to a request without a body.
    async fn status(&self, line: &str) -> String {
        let answer = self.answer(&format!("{line} HTTP/1.1\r\nhost: x\r\n{AUTHORIZED}connection: close\r\n\r\n")).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// A figure of /metrics, asked for past the doors.
    async fn metric(&self, name: &str) -> u64 {
        let request = Request::get("/metrics").header("authorization", format!("Bearer {TOKEN}")).body(Body::empty()).unwrap();
        let bytes = to_bytes(self.world.response(request).await.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(bytes.into()).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("stockade_{name} "))).unwrap_or_else(|| panic!("no {name}"));
        value.parse().unwrap()
    }

    /// Waits until a figure is so. The question itself is a request under way.
    async fn until(&self, name: &str, value: u64) {
        let all = async {
            while self.metric(name).await != value {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "{name} is {}, not {value}", self.metric(name).await);
    }

    async fn halt(&self) -> String {
        self.answer(&json("/trading", r#"{"trading":"halted"}"#)).await
    }
}

/// Limits under which what is held stays, however slow the machine is.
fn patient() -> DoorLimits {
    DoorLimits { body_late_ms_max: 600_000, ..DoorLimits::default() }
}

const AUTHORIZED: &str = "authorization: Bearer token-of-the-operator\r\n";
const HALF_A_HEAD: &str = "GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx-a: ";

/// A request with a whole body.
fn json(path: &str, body: &str) -> String {
    json_of(path, body.len(), body)
}

/// One that announces this many bytes.
fn json_of(path: &str, length: usize, body: &str) -> String {
    let head = format!("POST /api/v1{path} HTTP/1.1\r\nhost: x\r\n{AUTHORIZED}content-type: application/json\r\n");
    format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// All that is said in answer, up to the end of the connection; one that is cut says nothing more.
async fn said(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    drop(tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the connection is never closed"));
    String::from_utf8(bytes).unwrap()
}

/// Reads until `part` has come.
async fn heard(stream: &mut (impl AsyncRead + Unpin), part: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.contains(part) {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("it is silent").unwrap();
        assert!(count > 0, "the connection ended after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

async fn ask(stream: &mut (impl AsyncWrite + Unpin), path: &str) {
    let request = format!("GET /api/v1{path} HTTP/1.1\r\nhost: stockade\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_streams_and_idle_connections_and_waits_for_what_is_under_way() {
    let serving = Serving::with(DoorLimits::default()).await;
    let mut plain = serving.connect().await;
    ask(&mut plain, "/health").await;
    assert!(heard(&mut plain, "\"status\":\"ok\"").await.starts_with("HTTP/1.1 200 OK"));
    let mut live = serving.connect().await;
    ask(&mut live, "/stream").await;
    heard(&mut live, "event: open").await;
    let mut half = serving.holding(1, HALF_A_HEAD).await;
    let mut under_way = serving.holding(1, &json_of("/users", 14, "{\"name\":")).await;
    serving.until("requests_open", 2).await;
    let began = Instant::now();
    serving.stop.send(()).unwrap();
    assert_eq!((rest(&mut plain).await, rest(&mut half[0]).await), (String::new(), String::new()));
    rest(&mut live).await;
    under_way[0].write_all(b"\"ann\"}").await.unwrap();
    assert!(rest(&mut under_way[0]).await.starts_with("HTTP/1.1 201 "));
    serving.server.await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(DoorLimits::default().stop_ms_max), "it waited for somebody idle");
    assert!(TcpStream::connect(serving.address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_no_longer_than_its_bound() {
    let serving = Serving::with(DoorLimits { stop_ms_max: 50, ..DoorLimits::default() }).await;
    let mut stuck = serving.holding(1, &json_of("/users", 14, "{\"name\":")).await;
    serving.until("requests_open", 2).await;
    serving.stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, serving.server).await.expect("it hangs").unwrap();
    assert_eq!(rest(&mut stuck[0]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_a_pause_a_body_and_an_answer_have_their_time() {
    let short = DoorLimits { head_ms_max: 500, idle_ms_max: 2_000, body_late_ms_max: 500, ..DoorLimits::default() };
    let serving = Serving::with(short).await;
    let began = Instant::now();
    for text in ["", HALF_A_HEAD] {
        assert_eq!(rest(&mut serving.holding(1, text).await[0]).await, "", "nothing is answered");
    }
    let answer = rest(&mut serving.holding(1, &json_of("/users", 14, "{\"na")).await[0]).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("BODY_TOO_SLOW"), "{answer}");
    let upload = format!("POST /api/v1/strategies?user=ann&name=x HTTP/1.1\r\nhost: x\r\n{AUTHORIZED}content-type: application/wasm\r\n");
    serving.answer(&json("/users", r#"{"name":"ann"}"#)).await;
    let answer = rest(&mut serving.holding(1, &format!("{upload}content-length: 1000\r\n\r\n\0asm")).await[0]).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("BODY_TOO_SLOW"), "{answer}");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    // A connection that has been answered may pause for longer than a head may take, and not for ever.
    let mut kept = serving.connect().await;
    ask(&mut kept, "/health").await;
    heard(&mut kept, "\"status\":\"ok\"").await;
    let paused = Instant::now();
    assert_eq!(rest(&mut kept).await, "");
    assert!(paused.elapsed() >= Duration::from_millis(1_000), "{:?}", paused.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_gives_way_to_the_next() {
    // None of them ends by itself within this test: only its place, given to another one, ends it.
    let patient = DoorLimits { connections_max: 8, head_ms_max: 600_000, idle_ms_max: 600_000, ..DoorLimits::default() };
    let serving = Serving::with(patient).await;
    let mut kept = serving.connect().await;
    ask(&mut kept, "/health").await;
    heard(&mut kept, "\"status\":\"ok\"").await;
    let mut held = serving.holding(100, HALF_A_HEAD).await;
    assert_eq!(serving.status("GET /api/v1/health").await, "200");
    assert!(serving.halt().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut held[0]).await, "", "the first has gone");
    ask(&mut kept, "/health").await;
    heard(&mut kept, "\"status\":\"ok\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_busy_the_kill_switch_and_health_answer_and_the_rest_is_told_to_come_again() {
    let serving = Serving::with(DoorLimits { connections_max: 8, ..patient() }).await;
    let _held = serving.holding(60, &json_of("/users", 1_000, "{")).await;
    serving.until("requests_open", 9).await;
    for _ in 0..20 {
        assert_eq!(serving.status("GET /api/v1/health").await, "200");
    }
    assert!(serving.halt().await.starts_with("HTTP/1.1 200 "));
    let other = serving.answer(&format!("GET /api/v1/users HTTP/1.1\r\nhost: x\r\n{AUTHORIZED}\r\n")).await;
    for part in ["HTTP/1.1 503 ", "retry-after: 1\r\n", "connection: close\r\n", "\"BUSY\""] {
        assert!(other.contains(part), "{other}");
    }
    assert!(serving.metric("connections_found_busy_total").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_s_requests_take_no_place_of_another_s() {
    let serving = Serving::with(DoorLimits { requests_max: 8, ..patient() }).await;
    serving.answer(&json("/users", r#"{"name":"ann"}"#)).await;
    serving.answer(&json("/users", r#"{"name":"bob"}"#)).await;
    let _held = serving.holding(10, &json_of("/accounts?user=ann", 1_000, "{")).await;
    // Ann has half, and the question has one.
    serving.until("requests_refused_total", 6).await;
    serving.until("requests_open", 5).await;
    assert_eq!(serving.status("GET /api/v1/accounts?user=ann").await, "503");
    for path in ["/accounts?user=bob", "/users", "/health", "/trading"] {
        assert_eq!(serving.status(&format!("GET /api/v1{path}")).await, "200", "{path}");
    }
    assert!(serving.halt().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_uploads_keep_nobody_out() {
    let serving = Serving::with(DoorLimits { upload_bytes_waiting_max: 100, ..patient() }).await;
    for name in ["ann", "bob"] {
        serving.answer(&json("/users", &format!("{{\"name\":{name:?}}}"))).await;
    }
    let upload = |user: &str, length: usize, body: &str| {
        let head = format!("POST /api/v1/strategies?user={user}&name=x HTTP/1.1\r\nhost: x\r\n{AUTHORIZED}connection: close\r\n");
        format!("{head}content-type: application/wasm\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let _slow = serving.holding(5, &upload("ann", 1_000_000, "\0asm")).await;
    serving.until("upload_bytes_waiting", 20).await;
    let trader = |length: usize| format!("trader {}", "x".repeat(length));
    let answer = serving.answer(&upload("ann", 27, &trader(20))).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let answer = serving.answer(&upload("ann", 60, &trader(53))).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too many uploads"), "{answer}");
    let answer = serving.answer(&upload("bob", 40, &trader(33))).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_disconnected() {
    let limits = DoorLimits { unread_ms_max: 200, stream_events_max: 64, ..DoorLimits::default() };
    let serving = Serving::with(limits).await;
    let mut live = serving.connect().await;
    ask(&mut live, "/stream").await;
    heard(&mut live, "event: open").await;
    // Until the system's own buffers are full, whatever they hold.
    let text = "x".repeat(60_000);
    let alarm = || engine::Event::Alarm { code: "broker-differs", text: text.clone(), at: domain::time::Time(1) };
    let all = async {
        while serving.metric("connections_open").await > 0 {
            serving.world.live.publish(&[alarm()]);
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "it is never disconnected");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_socket_needs_no_token_and_no_place_among_the_others() {
    let serving = Serving::with(DoorLimits { connections_max: 4, requests_max: 4, ..patient() }).await;
    let _held = serving.holding(60, &json_of("/users", 1_000, "{")).await;
    let bare = |head: &str, body: &str| {
        let length = body.len();
        format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let health = said(serving.control().await, &bare("GET /api/v1/health", "")).await;
    assert!(health.starts_with("HTTP/1.1 200 ") && health.contains("\"journal\""), "all parts are shown: {health}");
    let halted = said(serving.control().await, &bare("POST /api/v1/trading", r#"{"trading":"halted"}"#)).await;
    assert!(halted.starts_with("HTTP/1.1 200 "), "{halted}");
    let users = said(serving.control().await, &bare("GET /api/v1/users", "")).await;
    assert!(users.starts_with("HTTP/1.1 200 "), "{users}");
    let wrong = "GET /api/v1/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\nconnection: close\r\n\r\n";
    assert!(said(serving.control().await, wrong).await.starts_with("HTTP/1.1 401 "), "a wrong token is wrong everywhere");
}
