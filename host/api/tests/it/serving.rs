//! The API on a socket.

use crate::support::{TOKEN, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

async fn asked(stream: &mut TcpStream, path: &str) {
    let request = format!("GET /api/v1{path} HTTP/1.1\r\nhost: stockade\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads until `part` has come.
async fn heard(stream: &mut TcpStream, part: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.contains(part) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "the connection ended after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_streams_and_the_server() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(stockade_api::serve(listener, world.state.clone(), async move { drop(stopped.await) }));

    let mut plain = TcpStream::connect(address).await.unwrap();
    asked(&mut plain, "/health").await;
    assert!(heard(&mut plain, "\"status\":\"ok\"").await.starts_with("HTTP/1.1 200 OK"));
    let mut live = TcpStream::connect(address).await.unwrap();
    asked(&mut live, "/stream").await;
    heard(&mut live, "event: open").await;

    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    let mut rest = Vec::new();
    live.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
