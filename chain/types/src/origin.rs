use crate::{AccountId, GenesisHead, Hash, Height, List, PublicKey, Signature, VALIDATORS_MAX};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

const RECOVERY_TAG: &[u8] = b"leither/recovery/v1:";

/// RECOVER-1: which state of which other chain a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Origin {
    /// The other chain's id.
    pub chain: Hash,
    /// Its last height that counts.
    pub height: Height,
    /// The id of the block of that height.
    pub block: Hash,
    /// The state after that block, as its header states it: a snapshot of this root is what the new chain is made of.
    pub state_root: Hash,
    /// The state at height 0 of the new chain: that one, with its validators exchanged.
    pub first_root: Hash,
    /// Of each validator, in the set's order, over [`recovery_bytes`]: that it has its key, and is to keep these books.
    pub possessions: List<Signature, VALIDATORS_MAX>,
}

/// RECOVER-4: what a consensus key signs to take a seat in the recovery of `old`, for this operator.
pub fn recovery_bytes(old: &Hash, operator: &AccountId, key: &PublicKey) -> Vec<u8> {
    let mut bytes = RECOVERY_TAG.to_vec();
    (old, operator, key).encode_to(&mut bytes);
    bytes
}

impl GenesisHead {
    /// RECOVER-4: whether each validator's key was there to sign. A chain that begins with nothing asks its founders for no proof.
    pub fn has_all_keys(&self) -> bool {
        let Some(origin) = &self.origin else { return true };
        let signed = self.validators.iter().zip(&origin.possessions);
        origin.possessions.len() == self.validators.len()
            && signed
                .into_iter()
                .all(|(seat, proof)| seat.key.verify(&recovery_bytes(&origin.chain, &seat.operator, &seat.key), proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GENESIS_RECOVERED, GENESIS_VERSION, Params, SecretKey, Text, Validator, ValidatorSet, codec::decode_within};

    const OLD: Hash = Hash([7; 32]);

    fn key(n: u8) -> SecretKey {
        SecretKey::from_seed(&[n; 32])
    }

    /// A recovery to validators of these powers, each with its proof.
    fn recovered(powers: &[u64]) -> GenesisHead {
        let seat = |(n, power): (usize, &u64)| {
            let n = n as u8 + 1;
            Validator { key: key(n).public(), power: *power, operator: AccountId([n; 20]) }
        };
        let validators = ValidatorSet::new(powers.iter().enumerate().map(seat).collect()).unwrap();
        let sign = |seat: &Validator| key(seat.operator.0[0]).sign(&recovery_bytes(&OLD, &seat.operator, &seat.key));
        let possessions = List::new(validators.iter().map(sign).collect()).unwrap();
        let [block, state_root, first_root] = [1, 2, 3].map(|n| Hash([n; 32]));
        let origin = Origin { chain: OLD, height: 99, block, state_root, first_root, possessions };
        GenesisHead {
            version: GENESIS_RECOVERED,
            name: Text::new("recovered").unwrap(),
            time: 5,
            validators,
            params: Params::dev(),
            dev: true,
            allocations: Hash::ZERO,
            origin: Some(origin),
        }
    }

    #[test]
    fn recover_1_the_chains_id_states_where_the_chain_comes_from_and_that_of_other_chains_is_as_it_was() {
        let head = recovered(&[1, 2]);
        let bytes = head.encode();
        assert_eq!(decode_within::<GenesisHead>(&bytes, 4_096).as_ref(), Ok(&head));
        let plain = GenesisHead { version: GENESIS_VERSION, origin: None, ..head.clone() };
        assert_eq!(plain.encode()[1..], bytes[1..plain.encode().len()], "what was there before stays where it was");
        assert_eq!(decode_within::<GenesisHead>(&plain.encode(), 4_096).as_ref(), Ok(&plain));
        let mut ids = vec![head.chain(), plain.chain()];
        let changes: [fn(&mut Origin); 6] = [
            |o| o.chain.0[0] ^= 1,
            |o| o.height += 1,
            |o| o.block.0[0] ^= 1,
            |o| o.state_root.0[0] ^= 1,
            |o| o.first_root.0[0] ^= 1,
            |o| o.possessions = List::default(),
        ];
        for change in changes {
            let mut other = head.clone();
            change(other.origin.as_mut().unwrap());
            ids.push(other.chain());
        }
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "each has an id of its own");
        for no_form in [[&plain.encode()[..], &[0]].concat(), [&[GENESIS_RECOVERED], &plain.encode()[1..]].concat()] {
            assert!(decode_within::<GenesisHead>(&no_form, 4_096).is_err());
        }
    }

    #[test]
    fn recover_4_each_key_signs_for_its_operator_and_this_recovery() {
        let head = recovered(&[3, 2, 1]);
        assert!(head.has_all_keys());
        let broken: [fn(&mut GenesisHead); 4] = [
            |head| head.origin.as_mut().unwrap().chain.0[0] ^= 1,
            |head| head.origin.as_mut().unwrap().possessions = List::default(),
            |head| {
                let origin = head.origin.as_mut().unwrap();
                let mut proofs = origin.possessions.to_vec();
                proofs.swap(0, 1);
                origin.possessions = List::new(proofs).unwrap();
            },
            |head| {
                let mut seats: Vec<_> = head.validators.iter().cloned().collect();
                seats[0].operator = AccountId([9; 20]);
                head.validators = ValidatorSet::new(seats).unwrap();
            },
        ];
        for change in broken {
            let mut other = head.clone();
            change(&mut other);
            assert!(!other.has_all_keys());
        }
    }
}
