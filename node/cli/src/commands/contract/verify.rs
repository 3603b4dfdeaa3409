//! `leither contract verify`: whether code on chain is what a source makes.

use super::code::code_named;
use crate::exit::{Done, Exit, Failure};
use crate::templates::Template;
use crate::wallet::Wallet;
use leither_rpc_api::{GetCode, GetContract, methods};
use leither_types::Hash;
use leither_vm::sha256;
use serde_json::{Value, json};

/// What is on chain: by the number of code, its sha256, or a contract.
async fn on_chain(wallet: &Wallet, what: &str) -> Done<(Option<String>, String, Hash)> {
    if what.parse::<u64>().is_ok() || what.parse::<Hash>().is_ok() {
        let code = wallet.client.call(&methods::CONTRACT_GET_CODE, GetCode { code: what.into() }).await?;
        return Ok((None, code.code.0.to_string(), code.checksum.0));
    }
    let contract = wallet.account(what).await?;
    let view = wallet.client.call(&methods::CONTRACT_GET, GetContract { contract: contract.into() }).await?;
    Ok((Some(contract.to_string()), view.code.0.to_string(), view.checksum.0))
}

/// What is compared, and where it comes from.
fn told(contract: Option<String>, code: &str, checksum: &Hash, built: &Hash, source: &str, is_template: bool) -> Value {
    let mut told = json!({
        "code": code,
        "checksum": checksum.to_string(),
        "built": built.to_string(),
        "source": if is_template { format!("the template {source} as it came with this program") } else { source.into() },
        "same": checksum == built,
    });
    if let Some(contract) = contract {
        told["contract"] = contract.into();
    }
    // Whatever it was compared with: what it is, where it is one of ours.
    if let Some(template) = Template::of_code(checksum) {
        told["template"] = template.name.into();
    }
    told
}

/// Why they mostly differ.
fn hint(is_template: bool, is_file: bool) -> &'static str {
    match (is_template, is_file) {
        (true, _) => "another version of the program may bring another one: `leither contract template` tells this one's",
        (_, true) => "a file is compared as it is: name the folder that it comes from to build it here",
        _ => {
            "beside other sources it is mostly another toolchain (rust-toolchain.toml), another Cargo.lock, another folder (panics name paths), or \
             a tool that was run over the built code (wasm-opt, the CosmWasm optimizer): build it as its author did, and compare the file"
        }
    }
}

/// Prints both checksums; exit code 1 where they differ.
pub async fn verify(wallet: &Wallet, what: &str, source: &str) -> Done {
    // Before anything is built: whether there is anything to compare with.
    let (contract, code, checksum) = on_chain(wallet, what).await?;
    let (name, wasm) = code_named(source)?;
    let built = Hash(sha256(&wasm));
    let is_template = Template::named(source).is_some();
    wallet.printer.answer(&told(contract, &code, &checksum, &built, &name, is_template));
    if checksum == built {
        return Ok(());
    }
    let is_file = std::path::Path::new(source).is_file();
    Err(Failure::new(Exit::Refused, format!("code {code} is not what {name} makes: {}", hint(is_template, is_file))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_checksums_are_told_and_what_they_are_of() {
        let template = Template::named("revenue-share").unwrap();
        let same = told(None, "1", &template.checksum(), &template.checksum(), "revenue-share", true);
        assert_eq!((same["same"].as_bool(), same["template"].as_str()), (Some(true), Some("revenue-share")));
        assert_eq!(same["source"], "the template revenue-share as it came with this program");
        assert!(same.get("contract").is_none());
        let other = told(Some("lth1x".into()), "2", &Hash([1; 32]), &template.checksum(), "./mine", false);
        assert_eq!(
            (other["same"].as_bool(), other["source"].as_str(), other.get("template")),
            (Some(false), Some("./mine"), None)
        );
        assert!(
            hint(false, false).contains("Cargo.lock")
                && hint(true, false).contains("template")
                && hint(false, true).contains("folder")
        );
    }
}
