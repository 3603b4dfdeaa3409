/**
 * Leither for web pages and Node: verify what a chain says with nothing but its id; build, describe and sign transfers.
 *
 * ```text
 * Client.prove(subject)   --> verifyProof(chain id, subject, proof)   leaf -> header -> certificate -> validators -> handovers -> genesis hash
 * Client.draftTransfer(…) --> describe(tx) --> the owner agrees --> sign(tx, seed) --> Client.submit --> Client.wait
 * ```
 * What it does not do: keep keys, or read words (BIP-39).
 * The page is spec/js.md.
 */
export { LeitherError } from './error.js';
export { MEI, parseAmount, showAmount } from './amount.js';
export { fromHex, tagged, toHex } from './hash.js';
export { NATIVE_TOKEN, accountOfKey, headKey, idBytes, idText, memberKey, mimeiOf, orgOf, tokenOf, treasuryOf, validatorOfKey } from './ids.js';
export { verifyProof } from './proof.js';
export { mayBeBound, verifySignature } from './trust.js';
export { accountOfSeed, describe, readSigned, readTx, sign, signBytes, transfer, txId, weightOf } from './tx.js';
export { Client } from './rpc.js';
