//! Uploaded code is compiled before its block comes.

use crate::net::{Net, account, genesis, signed, signed_within};
use leither_pallets::Call;
use leither_pallets::wasm::{Call as Do, Contracts};
use leither_types::{Blob, Hash, Params};
use leither_vm::{Broken, Called, Checksum, Engine, Host, Module, StoreError};
use parity_scale_codec::Encode;
use std::sync::{Arc, Mutex};

/// An engine that remembers which threads stored code.
#[derive(Default)]
struct Remembering(Mutex<Vec<String>>);

impl Engine for Remembering {
    fn store(&self, wasm: &[u8]) -> Result<Module, StoreError> {
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        self.0.lock().unwrap().push(thread);
        Ok(Module { code: Checksum(leither_vm::sha256(wasm)), entries: 1, migrate_version: None, compiled: 1 })
    }
    fn judge(&self, wasm: &[u8]) -> Result<Module, StoreError> {
        self.store(wasm)
    }
    fn restore(&self, _: &[u8]) -> Result<(), Broken> {
        Ok(())
    }
    fn call(&self, _: &leither_vm::Call<'_>, _: Box<dyn Host>) -> Result<Called, Broken> {
        Err(Broken::Machine("nobody calls".into()))
    }
}

// ENGINE-18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_is_compiled_while_its_transaction_waits() {
    let net = Net::new(genesis(1, 10, Params::standard()));
    let (chain, engine) = (net.chain(), Arc::new(Remembering::default()));
    let node = net.start_by(0, net.store(0), false, Contracts::new(engine.clone())).await;
    let wasm = b"as good as code";
    let code = Hash(leither_vm::sha256(wasm));
    let upload = Do::Upload { code, piece: 0, bytes: Blob::new(wasm.to_vec()).unwrap() };
    let upload = signed(chain, 0, 0, &Call::Wasm(upload));
    node.engine.submit(upload.encode()).await.unwrap();
    node.finalizes(&[upload.id()]).await;
    assert_eq!(engine.0.lock().unwrap().len(), 0, "nobody said that it is whole");
    // It comes again before its turn, and waits: only the thread that compiles ahead has seen the code.
    let store = |nonce| signed_within(chain, 0, nonce, &Call::Wasm(Do::Store { code, pieces: 1 }), 60_000_000);
    node.engine.submit(store(2).encode()).await.unwrap();
    let until = std::time::Instant::now() + crate::net::PATIENCE;
    while engine.0.lock().unwrap().is_empty() {
        assert!(std::time::Instant::now() < until, "it is compiled in time");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(*engine.0.lock().unwrap(), ["compile"]);
    // Who uploaded nothing has nothing compiled.
    let other = signed_within(chain, 1, 0, &Call::Wasm(Do::Store { code, pieces: 1 }), 60_000_000);
    node.engine.submit(other.encode()).await.unwrap();
    node.finalizes(&[other.id()]).await;
    assert_eq!(engine.0.lock().unwrap().len(), 1);
    let first = store(1);
    node.engine.submit(first.encode()).await.unwrap();
    node.finalizes(&[first.id()]).await;
    let state = node.store.snapshot().unwrap();
    assert_eq!(leither_pallets::wasm::views::number(&*state, &code).unwrap(), Some(1), "{}", account(0));
    node.stop().await;
}
