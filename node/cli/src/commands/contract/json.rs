//! Messages as people write them: JSON, or a file with it, in which names stand for what only the chain's ids say.

use crate::exit::{Done, Failure};
use crate::wallet::Wallet;
use leither_types::{Blob, TokenId};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;

/// JSON as it is written, or a file with it.
pub fn read(text: &str) -> Done<Value> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text);
    match parsed(text) {
        Ok(value) => Ok(value),
        Err(why) => {
            let written = std::fs::read_to_string(text)
                .map_err(|e| Failure::usage(format!("`{text}` is neither JSON ({why}) nor a file that can be read ({e})")))?;
            parsed(&written).map_err(|why| Failure::usage(format!("{text} has no JSON: {why}")))
        }
    }
}

/// The bytes that go to the chain.
pub fn bytes<const MAX: usize>(value: &Value) -> Done<Blob<MAX>> {
    Blob::new(value.to_string().into_bytes()).ok_or_else(|| Failure::usage(format!("a message has at most {MAX} bytes")))
}

/// The same with names filled in: `$alice` and `$@demo-tube` are accounts, `$org:demo-tube` is an organization's id, `$token:tube` what a token is
/// called in contracts. Only whole texts are names; one that begins with `$` itself is written with `$$`.
pub fn named<'a>(wallet: &'a Wallet, value: Value) -> Pin<Box<dyn Future<Output = Done<Value>> + Send + 'a>> {
    Box::pin(async move {
        Ok(match value {
            Value::String(text) => Value::String(match text.strip_prefix('$') {
                // Twice: what begins with one.
                Some(rest) if rest.starts_with('$') => rest.into(),
                Some(name) => named_text(wallet, name).await?,
                None => text,
            }),
            Value::Array(items) => {
                let mut done = Vec::with_capacity(items.len());
                for item in items {
                    done.push(named(wallet, item).await?);
                }
                Value::Array(done)
            }
            Value::Object(fields) => {
                let mut done = serde_json::Map::new();
                for (key, item) in fields {
                    done.insert(key, named(wallet, item).await?);
                }
                Value::Object(done)
            }
            other => other,
        })
    })
}

async fn named_text(wallet: &Wallet, name: &str) -> Done<String> {
    if let Some(org) = name.strip_prefix("org:") {
        return Ok(wallet.org_id(org).await?.to_string());
    }
    if let Some(symbol) = name.strip_prefix("token:") {
        let (token, _) = wallet.amount(&format!("0 {symbol}")).await?;
        return Ok(if token == TokenId::NATIVE { "nmei".into() } else { token.to_string() });
    }
    Ok(wallet.account(name).await?.to_string())
}
