use super::gas::{GAS_MAX, weight_of_gas};
use super::money::is_sound;
use super::run::Run;
use super::{Chosen, Coin, Error, code};
use crate::orgs::Mandate;
use crate::{Ctx, Stop};
use leither_types::{AccountId, Blob, Hash, List, OrgId, Text, Weight};
use leither_vm::{CODE_BYTES_MAX, INSTANCE_GAS};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// A piece of uploaded code.
pub const PIECE_BYTES_MAX: usize = 56 * 1024;
/// Pieces of one code.
pub const PIECES_MAX: u16 = CODE_BYTES_MAX.div_ceil(PIECE_BYTES_MAX) as u16;
/// What a call may say to a contract, in bytes of JSON.
pub const MESSAGE_BYTES_MAX: usize = 48 * 1024;
/// Kinds of money with one call.
pub const COINS_MAX: usize = 8;
/// Compiling a byte.
const COMPILE_WEIGHT: Weight = 400;

/// What can be done with contracts.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// WASM-4: a piece of code, kept until it is stored or discarded. Every piece but the last has [`PIECE_BYTES_MAX`] bytes.
    #[codec(index = 0)]
    Upload {
        /// sha256 of the whole.
        code: Hash,
        /// Which piece, from 0.
        piece: u16,
        /// Its bytes.
        #[serde(with = "leither_types::json::written")]
        bytes: Blob<PIECE_BYTES_MAX>,
    },
    /// WASM-4: checks what was uploaded and gives it a number.
    #[codec(index = 1)]
    Store {
        /// sha256 of the whole.
        code: Hash,
        /// In how many pieces.
        pieces: u16,
    },
    /// Takes back what was uploaded and not stored, and its deposit.
    #[codec(index = 2)]
    Discard {
        /// sha256 of the whole.
        code: Hash,
    },
    /// WASM-5: makes an instance.
    #[codec(index = 3)]
    Instantiate {
        /// Number of its code.
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
        /// In JSON.
        #[serde(with = "leither_types::json::written")]
        msg: Blob<MESSAGE_BYTES_MAX>,
        /// What comes with it.
        funds: List<Coin, COINS_MAX>,
        /// For people.
        label: Text<128>,
        /// WASM-6: who may give it new code.
        admin: Option<AccountId>,
        /// WASM-5: makes the address one that can be told beforehand; 1 to 64 bytes.
        #[serde(with = "leither_types::json::written::maybe", default)]
        salt: Option<Blob<64>>,
        /// WASM-3: the most gas.
        #[serde(with = "leither_types::json::decimal")]
        gas: u64,
    },
    /// Sends a message.
    #[codec(index = 4)]
    Execute {
        /// To which.
        contract: AccountId,
        /// In JSON.
        #[serde(with = "leither_types::json::written")]
        msg: Blob<MESSAGE_BYTES_MAX>,
        /// What comes with it.
        funds: List<Coin, COINS_MAX>,
        /// WASM-3: the most gas.
        #[serde(with = "leither_types::json::decimal")]
        gas: u64,
    },
    /// WASM-6: gives new code.
    #[codec(index = 5)]
    Migrate {
        /// To which.
        contract: AccountId,
        /// Number of the code.
        #[serde(with = "leither_types::json::decimal")]
        code: u64,
        /// In JSON.
        #[serde(with = "leither_types::json::written")]
        msg: Blob<MESSAGE_BYTES_MAX>,
        /// WASM-3: the most gas.
        #[serde(with = "leither_types::json::decimal")]
        gas: u64,
    },
    /// WASM-6: names another admin, or none for ever.
    #[codec(index = 6)]
    SetAdmin {
        /// Of which.
        contract: AccountId,
        /// Whom.
        admin: Option<AccountId>,
    },
    /// WASM-11: names an organization's consensus contract and its mandate, or none: a vote; the founders, while they are alone.
    #[codec(index = 7)]
    Bind {
        /// Whose.
        org: OrgId,
        /// Which, by which code: another than was voted for is not bound.
        contract: Option<Chosen>,
        /// What it may do as the organization.
        mandate: Mandate,
    },
}

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let gas = |gas: u64| if (INSTANCE_GAS..=GAS_MAX).contains(&gas) { Ok(()) } else { Err(Error::Gas) };
        let funds = |coins: &[Coin]| if is_sound(coins) { Ok(()) } else { Err(Error::Funds) };
        match self {
            Call::Upload { piece, .. } if *piece >= PIECES_MAX => Err(Error::NoPiece { piece: PIECES_MAX }),
            Call::Store { pieces, .. } if *pieces == 0 || *pieces > PIECES_MAX => Err(Error::NoPiece { piece: PIECES_MAX }),
            Call::Instantiate { funds: coins, label, salt, gas: limit, .. } => {
                let salted = salt.as_ref().is_none_or(|salt| !salt.is_empty());
                if label.trim().is_empty() || !salted {
                    return Err(Error::Form);
                }
                funds(coins).and_then(|()| gas(*limit))
            }
            Call::Execute { funds: coins, gas: limit, .. } => funds(coins).and_then(|()| gas(*limit)),
            Call::Migrate { gas: limit, .. } => gas(*limit),
            _ => Ok(()),
        }
    }

    /// BLOCK-7: what the engine is given to do.
    pub(crate) fn engine_weight(&self) -> Weight {
        match self {
            Call::Instantiate { gas, .. } | Call::Execute { gas, .. } | Call::Migrate { gas, .. } => weight_of_gas(*gas),
            Call::Store { .. } => self.weight(),
            Call::Upload { .. } | Call::Discard { .. } | Call::SetAdmin { .. } | Call::Bind { .. } => 0,
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            Call::Upload { bytes, .. } => 120_000 + 20 * bytes.len() as Weight,
            Call::Store { pieces, .. } => 300_000 + Weight::from(*pieces) * (PIECE_BYTES_MAX as Weight) * COMPILE_WEIGHT,
            Call::Discard { .. } => 900_000,
            Call::Instantiate { gas, .. } | Call::Execute { gas, .. } | Call::Migrate { gas, .. } => {
                weight_of_gas(*gas).saturating_add(60_000)
            }
            Call::SetAdmin { .. } => 60_000,
            Call::Bind { .. } => 150_000,
        }
    }
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    let actor = ctx.actor();
    match call {
        Call::Upload { code, piece, bytes } => code::upload(ctx, code, *piece, bytes),
        Call::Store { code, pieces } => code::store(ctx, code, *pieces),
        Call::Discard { code } => code::discard(ctx, &actor, code),
        Call::Instantiate { code, msg, funds, label, admin, salt, gas } => Run::begin(ctx, *gas, |run| {
            let salt = salt.as_ref().map(|salt| &**salt);
            let made = run
                .instantiate(&actor, super::run::Birth { code: *code, msg, funds, label: label.clone(), admin: *admin, salt })?;
            Ok((made.0, made.1))
        }),
        Call::Execute { contract, msg, funds, gas } => {
            Run::begin(ctx, *gas, |run| Ok((*contract, run.execute(&actor, contract, msg, funds)?)))
        }
        Call::Migrate { contract, code, msg, gas } => {
            Run::begin(ctx, *gas, |run| Ok((*contract, run.migrate(&actor, contract, *code, msg)?)))
        }
        Call::SetAdmin { contract, admin } => super::run::set_admin(ctx, &actor, contract, *admin),
        Call::Bind { org, contract, mandate } => super::run::bind(ctx, org, *contract, mandate),
    }
}
