//! Code comes in pieces, since a transaction has no room for all of it, and is checked when it is whole (WASM-4).

use super::calls::PIECES_MAX;
use super::types::Piece;
use super::{Code, Error, Event, keys};
use crate::{Ctx, Stop, accounts};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Hash, TokenId};
use leither_vm::StoreError;

/// What a record takes beside the piece.
const RECORD_BYTES: usize = 64;

pub fn upload(ctx: &mut Ctx<'_>, code: &Hash, piece: u16, bytes: &[u8]) -> Result<(), Stop> {
    let who = ctx.actor();
    let key = (who, *code, piece);
    if let Some(former) = keys::PENDING.get(ctx.state, &key)? {
        accounts::unlock(ctx.state, &TokenId::NATIVE, &who, former.deposit)?;
    }
    let deposit = accounts::deposit(ctx.state, &who, bytes.len().saturating_add(RECORD_BYTES), ctx.block.params.byte_deposit)?;
    keys::PENDING.put(ctx.state, &key, &Piece { bytes: bytes.to_vec(), deposit });
    Ok(())
}

pub fn store(ctx: &mut Ctx<'_>, checksum: &Hash, pieces: u16) -> Result<(), Stop> {
    let owner = ctx.actor();
    if let Some(code) = keys::NUMBER.get(ctx.state, checksum)? {
        discard(ctx, &owner, checksum)?;
        ctx.emit(Event::Stored { code, checksum: *checksum, existed: true });
        return Ok(());
    }
    let mut code = Code {
        checksum: *checksum,
        owner,
        bytes: 0,
        compiled: 0,
        pieces,
        entries: 0,
        migrate_version: None,
        deposit: leither_types::Amount::ZERO,
    };
    let mut whole = Vec::new();
    for piece in 0..pieces {
        let found = keys::PENDING.get(ctx.state, &(owner, *checksum, piece))?.ok_or(Error::NoPiece { piece })?;
        keys::PENDING.remove(ctx.state, &(owner, *checksum, piece));
        whole.extend_from_slice(&found.bytes);
        code.deposit = code.deposit.plus(found.deposit).ok_or(accounts::Error::Overflow)?;
        keys::PIECE.put(ctx.state, &(*checksum, piece), &found.bytes);
    }
    if leither_vm::sha256(&whole) != checksum.0 {
        return Err(Error::Checksum.into());
    }
    let contracts = &ctx.block.contracts;
    let judged = if contracts.is_trial { contracts.engine.judge(&whole) } else { contracts.engine.store(&whole) };
    let module = match judged {
        Ok(module) => module,
        // VM-1: why, its author hears of the engine itself.
        Err(StoreError::Refusal(_)) => return Err(Error::NotAContract.into()),
        Err(StoreError::Broken(broken)) => return Err(Fault::Storage(broken.to_string()).into()),
    };
    code.bytes = u32::try_from(whole.len()).map_err(|_| Error::NotAContract)?;
    (code.entries, code.migrate_version, code.compiled) = (module.entries, module.migrate_version, module.compiled);
    let number = keys::CODES.get(ctx.state)?.unwrap_or(0).saturating_add(1);
    keys::CODES.put(ctx.state, &number);
    keys::CODE.put(ctx.state, &number, &code);
    keys::NUMBER.put(ctx.state, checksum, &number);
    // Pieces beyond those that were named.
    discard(ctx, &owner, checksum)?;
    ctx.emit(Event::Stored { code: number, checksum: *checksum, existed: false });
    Ok(())
}

/// What is pending goes, and its deposit comes back.
pub fn discard(ctx: &mut Ctx<'_>, who: &AccountId, code: &Hash) -> Result<(), Stop> {
    for piece in 0..PIECES_MAX {
        let key = (*who, *code, piece);
        if let Some(found) = keys::PENDING.get(ctx.state, &key)? {
            keys::PENDING.remove(ctx.state, &key);
            accounts::unlock(ctx.state, &TokenId::NATIVE, who, found.deposit)?;
        }
    }
    Ok(())
}

/// Stored code, whole.
pub fn bytes(state: &Overlay, code: &Code) -> Result<Vec<u8>, Fault> {
    let mut whole = Vec::with_capacity(code.bytes as usize);
    for piece in 0..code.pieces {
        let found = keys::PIECE.get(state, &(code.checksum, piece))?;
        whole.extend(found.ok_or_else(|| Fault::Corrupt(format!("piece {piece} of code {} is gone", code.checksum)))?);
    }
    Ok(whole)
}
