//! Messages of `/leither/content/1`. Their crate brings RocksDB; their form does not.

#[allow(dead_code)]
#[path = "../../../node/routing/src/content/frame.rs"]
mod frame;
#[allow(dead_code)]
#[path = "../../../node/routing/src/content/types.rs"]
mod types;

/// ROUTE-4: what is taken keeps its bounds and has one form.
pub fn messages(bytes: &[u8]) {
    if let Ok(request) = frame::request(bytes) {
        assert_eq!(request.check(), Ok(()));
        assert_eq!(frame::frame(&request).expect("it has a length")[4..], *bytes);
    }
    if let Ok(response) = frame::response(bytes) {
        assert_eq!(response.check(), Ok(()));
        assert_eq!(frame::frame(&response).expect("it has a length")[4..], *bytes);
    }
}
