use crate::engine::Checksum;
use crate::prices::ADDRESS_GAS;
use cosmwasm_vm::{BackendApi, BackendError, BackendResult, GasInfo};
use leither_types::AccountId;

/// Addresses in contracts: `lth1…`, 20 bytes in canonical form. The 32 bytes that a contract reckons for `instantiate2` mean their first 20.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses;

const NO_ADDRESS: &str = "this is no address: expected lth1…";
const NO_BYTES: &str = "an address is 20 bytes, or 32 of which the first 20 count";

/// VM-4: an address in the one form that it is written in.
pub fn address_of(human: &str) -> Option<AccountId> {
    human.parse().ok().filter(|account: &AccountId| account.to_string() == human)
}

fn read(human: &str) -> Result<AccountId, BackendError> {
    address_of(human).ok_or_else(|| BackendError::user_err(NO_ADDRESS))
}

fn cost<T>(done: Result<T, BackendError>) -> BackendResult<T> {
    (done, GasInfo::with_cost(ADDRESS_GAS))
}

impl BackendApi for Addresses {
    fn addr_validate(&self, input: &str) -> BackendResult<()> {
        cost(read(input).map(drop))
    }

    fn addr_canonicalize(&self, human: &str) -> BackendResult<Vec<u8>> {
        cost(read(human).map(|account| account.0.to_vec()))
    }

    fn addr_humanize(&self, canonical: &[u8]) -> BackendResult<String> {
        let first = canonical.first_chunk::<20>().filter(|_| matches!(canonical.len(), 20 | 32));
        cost(first.map(|bytes| AccountId(*bytes).to_string()).ok_or_else(|| BackendError::user_err(NO_BYTES)))
    }
}

/// sha256, as the ABI's tools name code.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    *cosmwasm_std::Checksum::generate(bytes).as_ref()
}

/// The address of an instance by the number of its code and its own: the classic rule of wasmd, cut to 20 bytes.
pub fn address_by_number(code: u64, instance: u64) -> AccountId {
    let key = [b"wasm\0", &code.to_be_bytes()[..], &instance.to_be_bytes()].concat();
    first(&sha256(&[&sha256(b"module")[..], &key].concat()))
}

/// The address of an instance with a salt of 1 to 64 bytes: `instantiate2_address` of the ABI, cut to 20 bytes.
pub fn address_by_salt(code: &Checksum, creator: &AccountId, salt: &[u8]) -> Option<AccountId> {
    let whole = cosmwasm_std::instantiate2_address(&code.0, &creator.0.into(), salt).ok()?;
    whole.as_slice().first_chunk::<20>().map(|bytes| AccountId(*bytes))
}

fn first(hash: &[u8; 32]) -> AccountId {
    let mut bytes = [0; 20];
    bytes.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    AccountId(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // VM-4
    #[test]
    fn an_address_has_one_form_and_thirty_two_bytes_mean_their_first_twenty() {
        let id = AccountId([7; 20]);
        let human = id.to_string();
        assert!(Addresses.addr_validate(&human).0.is_ok());
        assert_eq!(Addresses.addr_canonicalize(&human).0.unwrap(), id.0);
        assert_eq!(Addresses.addr_humanize(&[7; 32]).0.unwrap(), human);
        assert_eq!(Addresses.addr_humanize(&id.0).0.unwrap(), human);
        let older = "BwcHBwcHBwcHBwcHBwcHBwcHBwc";
        assert_eq!(older.parse::<AccountId>().unwrap(), id, "the papers' form is an id, and no address in a contract");
        for wrong in [human.to_uppercase(), format!("{human} "), older.into(), String::new(), "lth1".into()] {
            assert!(matches!(Addresses.addr_validate(&wrong).0, Err(BackendError::UserErr { .. })), "{wrong}");
        }
        for wrong in [0, 19, 21, 31, 33, 64] {
            assert!(Addresses.addr_humanize(&vec![7; wrong]).0.is_err(), "{wrong} bytes");
        }
    }
}
