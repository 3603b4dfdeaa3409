//! What an HTTP client may and may not do, spoken by hand.

use crate::server;
use leither_rpc_server::RpcServer;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Status, head and body of the answer to one request on a connection of its own.
async fn raw(server: &RpcServer, request: &str) -> (u16, String, String) {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    // A server may answer and close before all was sent.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

async fn post(server: &RpcServer, headers: &str, body: &str) -> (u16, String, String) {
    let port = server.address().port();
    let host = if headers.starts_with("host:") { String::new() } else { format!("host: 127.0.0.1:{port}\r\n") };
    let length = body.len();
    raw(
        server,
        &format!("POST / HTTP/1.1\r\n{host}{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"),
    )
    .await
}

async fn ask(server: &RpcServer, body: &str) -> Value {
    let (status, _, body) = post(server, "content-type: application/json\r\n", body).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"))
}

fn error(answer: &Value) -> (i64, String) {
    let error = &answer["error"];
    (error["code"].as_i64().unwrap(), error["data"]["reason"].as_str().unwrap_or_default().to_owned())
}

const JSON: &str = "content-type: application/json\r\n";
const HEAD: &str = r#"{"jsonrpc":"2.0","id":1,"method":"chain_getHead"}"#;

#[tokio::test]
async fn a_rebound_host_and_a_strange_origin_get_403_and_a_sentence() {
    let (server, _) = server(|c| c.origins = vec!["http://localhost:4805".into()]).await;
    let port = server.address().port();
    for headers in ["host: evil.example\r\n", "host: evil.example:4802\r\n", "host: 127.0.0.1\r\n"] {
        let (status, _, body) = post(&server, &format!("{headers}{JSON}"), HEAD).await;
        assert_eq!(status, 403, "{headers}");
        assert!(body.contains("rpc.allowed_hosts"), "{body}");
    }
    for origin in ["http://evil.example", "null", "http://localhost:4800"] {
        let (status, head, body) = post(&server, &format!("origin: {origin}\r\n{JSON}"), HEAD).await;
        assert_eq!(status, 403, "{origin}");
        assert!(body.contains("rpc.allowed_origins") && !head.contains("access-control"), "{head} {body}");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(post(&server, &format!("host: {host}\r\n{JSON}"), HEAD).await.0, 200, "{host}");
    }
    let (status, head, _) = post(&server, &format!("origin: http://localhost:4805\r\n{JSON}"), HEAD).await;
    assert!(status == 200 && head.contains("access-control-allow-origin: http://localhost:4805"), "{head}");
}

#[tokio::test]
async fn a_strange_page_cannot_open_a_websocket() {
    let (server, _) = server(|_| ()).await;
    let port = server.address().port();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let open = |headers: String| format!("GET / HTTP/1.1\r\n{headers}{upgrade}\r\n");
    let (status, ..) = raw(&server, &open(format!("host: 127.0.0.1:{port}\r\norigin: http://evil.example\r\n"))).await;
    assert_eq!(status, 403);
    let (status, ..) = raw(&server, &open("host: evil.example\r\n".into())).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_preflight_is_answered_for_known_pages_alone() {
    let (server, _) = server(|_| ()).await;
    let port = server.address().port();
    let ask =
        |origin: &str| format!("OPTIONS / HTTP/1.1\r\nhost: localhost:{port}\r\norigin: {origin}\r\nconnection: close\r\n\r\n");
    let (status, head, _) = raw(&server, &ask(&format!("http://localhost:{port}"))).await;
    assert_eq!(status, 204);
    assert!(
        head.contains("access-control-allow-headers: content-type") && head.contains("access-control-allow-origin"),
        "{head}"
    );
    let (status, head, _) = raw(&server, &ask("http://evil.example")).await;
    assert!(status == 403 && !head.contains("access-control"), "{head}");
}

#[tokio::test]
async fn what_is_no_json_post_is_told_how_to_ask() {
    let (server, _) = server(|_| ()).await;
    let port = server.address().port();
    let (status, _, body) = raw(&server, &format!("GET / HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n")).await;
    assert!(status == 405 && body.contains("curl"), "{body}");
    let (status, _, body) = post(&server, "content-type: text/plain\r\n", HEAD).await;
    assert!(status == 415 && body.contains("application/json"), "{body}");
}

#[tokio::test]
async fn an_oversized_body_is_refused_whether_its_length_is_told_or_not() {
    let (server, _) = server(|_| ()).await;
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tx_submit","params":["0x{}"]}}"#, "00".repeat(1024 * 1024));
    let (status, _, answer) = post(&server, JSON, &body).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(error(&serde_json::from_str(&answer).unwrap()), (-32007, "request_too_large".into()));
    let port = server.address().port();
    let chunked = format!(
        "POST / HTTP/1.1\r\nhost: localhost:{port}\r\n{JSON}connection: close\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(raw(&server, &chunked).await.0, 413);
}

#[tokio::test]
async fn a_batch_of_a_hundred_is_answered_and_one_more_is_not() {
    let (server, _) = server(|_| ()).await;
    let batch = |n: usize| format!("[{}]", vec![HEAD; n].join(","));
    assert_eq!(ask(&server, &batch(100)).await.as_array().unwrap().len(), 100);
    assert_eq!(error(&ask(&server, &batch(101)).await).0, -32010);
    assert_eq!(error(&ask(&server, "[]").await).0, -32600);
    let mixed = ask(&server, &format!(r#"[1,{HEAD},{{"jsonrpc":"2.0","id":9,"method":"nope"}}]"#)).await;
    assert_eq!(error(&mixed[0]).0, -32600);
    assert!(mixed[1]["result"].is_object());
    assert_eq!((error(&mixed[2]), mixed[2]["id"].clone()), ((-32601, "unknown_method".into()), json!(9)));
}

#[tokio::test]
async fn deep_json_is_refused_wherever_it_stands() {
    let (server, _) = server(|_| ()).await;
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let params = ask(&server, &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"chain_getHead","params":{deep}}}"#)).await;
    assert_eq!(error(&params), (-32602, "invalid_params".into()));
    let id = ask(&server, &format!(r#"{{"jsonrpc":"2.0","id":{deep},"method":"chain_getHead"}}"#)).await;
    // An id that is none makes it a notification, which nobody answers.
    assert!(id.is_null(), "{id}");
    let envelope = ask(&server, &deep).await;
    assert!(matches!(error(envelope.get(0).unwrap_or(&envelope)).0, -32700 | -32600), "{envelope}");
}

#[tokio::test]
async fn mistakes_have_standard_codes_and_plain_sentences() {
    let (server, _) = server(|_| ()).await;
    assert_eq!(error(&ask(&server, "{").await).0, -32700);
    assert_eq!(error(&ask(&server, r#"{"id":1}"#).await).0, -32600);
    let call = async |body: &str| ask(&server, &format!(r#"{{"jsonrpc":"2.0","id":1,{body}}}"#)).await;
    let wrong = call(r#""method":"token_getBalance","params":["mei"]"#).await;
    assert_eq!(error(&wrong), (-32602, "invalid_params".into()));
    assert_eq!(wrong["error"]["message"], "parameter `account` is missing");
    assert_eq!(error(&call(r#""method":"chain_getHeader","params":[404]"#).await), (-32040, "unknown_block".into()));
    assert_eq!(error(&call(r#""method":"chain_subscribe""#).await), (-32012, "websocket_only".into()));
    assert_eq!(error(&call(r#""method":"tx_submit","params":{"raw":"0xff"}"#).await), (-32020, "tx_malformed".into()));
    assert_eq!(error(&call(r#""method":"chain_getBlock","params":[1,0,2000]"#).await), (-32008, "response_too_large".into()));
    let unknown = call(r#""method":"eth_call""#).await;
    assert!(unknown["error"]["message"].as_str().unwrap().contains("rpc.discover"), "{unknown}");
}

#[tokio::test]
async fn a_query_that_hangs_is_given_up() {
    let (server, _) = server(|c| c.query_timeout = Duration::from_millis(50)).await;
    let answer = ask(&server, r#"{"jsonrpc":"2.0","id":1,"method":"node_getPeers"}"#).await;
    assert_eq!(error(&answer), (-32015, "timeout".into()));
}

#[tokio::test]
async fn a_caller_beyond_its_rate_is_told_when_to_come_back() {
    let rate = leither_rpc_server::Rate { per_second: 1, burst: 3 };
    let (server, _) = server(|c| c.rate_loopback = Some(rate)).await;
    for _ in 0..3 {
        assert!(ask(&server, HEAD).await["result"].is_object());
    }
    let answer = ask(&server, HEAD).await;
    assert_eq!(error(&answer), (-32013, "rate_limited".into()));
    assert!(answer["error"]["data"]["retry_after_ms"].as_u64().unwrap() <= 1000);
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away_and_a_free_seat_is_given_again() {
    let (server, _) = server(|c| c.connections_max = 2).await;
    let first = TcpStream::connect(server.address()).await.unwrap();
    let second = TcpStream::connect(server.address()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut third = TcpStream::connect(server.address()).await.unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("reuse them.\n"), "{answer}");
    drop((first, second));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(ask(&server, HEAD).await["result"].is_object());
}

#[tokio::test]
async fn who_sends_too_slowly_is_cut_off() {
    let (server, _) = server(|c| c.idle_timeout = Duration::from_millis(200)).await;
    let port = server.address().port();
    let started = std::time::Instant::now();
    let (status, ..) = raw(&server, "POST / HTT").await;
    assert_eq!(status, 0);
    let head = format!("POST / HTTP/1.1\r\nhost: localhost:{port}\r\n{JSON}connection: close\r\ncontent-length: 1000\r\n\r\n{{");
    assert_eq!(raw(&server, &head).await.0, 408);
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (server, fake) = server(|_| ()).await;
    let again = RpcServer::start(leither_rpc_server::Config::new(server.address()), fake).await;
    let Err(error) = again else { panic!("two servers on one port") };
    assert!(error.to_string().contains(&server.address().to_string()), "{error}");
    server.stop().await;
}
