//! The executor's rules, on `leither-harness`: the executor seen here is that crate's (`leither_harness::executor`), the same code built
//! without tests.

mod agree;
mod faults;
mod headers;
mod keys;
mod payer;
mod spec;
mod unfit;

use leither_harness::Chain;
use leither_harness::executor::{Invalid, NobodyVerified, Outcome, Refused, Verified, execute};
use leither_types::{Block, List, SignedTx, TokenId};

const MEI: TokenId = TokenId::NATIVE;

/// What `execute` says of a block on this chain, no signature being known.
fn judge(chain: &Chain, block: &Block) -> Result<Outcome, Refused> {
    judge_with(chain, block, &NobodyVerified)
}

fn judge_with(chain: &Chain, block: &Block, verified: &dyn Verified) -> Result<Outcome, Refused> {
    execute(chain.parent(), block, verified)
}

/// A block as a proposer would make it that puts in whatever it likes: the header states the list that stands there.
fn forced(chain: &Chain, txs: &[SignedTx]) -> Block {
    let (mut block, _, _) = chain.propose(&[]);
    block.txs = List::new(txs.to_vec()).expect("the test's block is short");
    block.header.txs_root = Block::txs_root(&block.txs);
    block
}

fn invalid(answer: Result<Outcome, Refused>) -> Invalid {
    match answer {
        Err(Refused::Invalid(why)) => why,
        Err(Refused::Fault(fault)) => panic!("a fault: {fault}"),
        Ok(_) => panic!("it was accepted"),
    }
}
