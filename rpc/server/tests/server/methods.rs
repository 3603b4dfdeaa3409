use crate::backend::example;
use crate::server;
use leither_rpc_api::*;
use serde_json::Value;
use serde_json::value::to_raw_value;

#[tokio::test]
async fn every_method_of_the_list_has_its_handler_and_answers_what_its_schema_says() {
    let (server, _) = server(|c| c.query_timeout = std::time::Duration::from_millis(200)).await;
    let client = Client::connect(&format!("http://{}", server.address())).await.unwrap();
    let document = document();
    let schemas = &document["components"]["schemas"];
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        let required = method["params"].as_array().unwrap().iter().filter(|p| p["required"] == true);
        let by_name: serde_json::Map<_, _> =
            required.map(|p| (p["name"].as_str().unwrap().to_owned(), example(&p["schema"], schemas))).collect();
        let answer = client.call_named::<Value>(name, to_raw_value(&by_name).unwrap()).await;
        match (name, answer) {
            ("chain_subscribe", Err(ClientError::Refused { reason, .. })) => assert_eq!(reason, "websocket_only"),
            // The made-up node never answers this one.
            ("node_getPeers", Err(ClientError::Refused { reason, .. })) => assert_eq!(reason, "timeout"),
            (_, Ok(_)) => {}
            (_, Err(e)) => panic!("{name}({by_name:?}): {e}"),
        }
    }
}

#[tokio::test]
async fn the_typed_client_gets_typed_answers_and_reasons() {
    let (server, _) = server(|_| ()).await;
    for scheme in ["http", "ws"] {
        let client = Client::connect(&format!("{scheme}://{}", server.address())).await.unwrap();
        let raw = |byte| Bytes(vec![byte; 3]);
        let submitted = client.call(&methods::TX_SUBMIT, RawTx { raw: raw(1) }).await.unwrap();
        let raws = RawTxs::new(vec![raw(1), raw(0xff)]).unwrap();
        let batch = client.call(&methods::TX_SUBMIT_BATCH, RawTxBatch { raws }).await.unwrap();
        assert_eq!(batch[0], BatchItem::Taken(submitted));
        let BatchItem::Refused { error } = &batch[1] else { panic!("{batch:?}") };
        assert_eq!((error.code, error.data["reason"].as_str()), (-32020, Some("tx_malformed")));
        let refused = client.call(&methods::TX_SUBMIT, RawTx { raw: raw(0xff) }).await.unwrap_err();
        assert!(matches!(&refused, ClientError::Refused { reason, .. } if reason == "tx_malformed"), "{refused}");
        assert_eq!(refused.to_string(), "these bytes are no transaction");
        assert!(client.call(&methods::RPC_DISCOVER, NoParams {}).await.unwrap() == document());
    }
}

#[tokio::test]
async fn a_client_says_what_to_do_when_nobody_answers() {
    let (server, _) = server(|_| ()).await;
    let address = server.address();
    server.stop().await;
    let http = Client::connect(&format!("http://{address}")).await.unwrap();
    let http = http.call(&methods::CHAIN_GET_HEAD, NoParams {}).await.unwrap_err();
    let ws = Client::connect(&format!("ws://{address}")).await.err().unwrap();
    for error in [http, ws] {
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
        let sentence = error.to_string();
        assert!(sentence.contains("is it running? start it with `leither run`") && sentence.contains("refused"), "{sentence}");
    }
    assert!(matches!(Client::connect("localhost:4802").await.err(), Some(ClientError::Address { .. })));
}
