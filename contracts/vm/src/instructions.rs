//! VM-5: what instructions cost, in gas: 500 gas stand for a nanosecond of the reference machine (`prices.rs`), whatever an instruction may have to
//! wait for. The engine's own table has one price for most of them, at which a block of loads that miss the caches would take minutes.
//!
//! Measured with `gas` (benches) and balanced: within an instance's 4 MiB of memory nothing takes longer for its gas than a row of additions does,
//! each of which waits for the one before.

use crate::prices::PAGE_GAS;
use wasmer::wasmparser::Operator;

/// Arithmetic of integers, constants, locals, globals.
pub(crate) const PLAIN: u64 = 115;
/// Where code branches gas is counted: twelve instructions more.
const BRANCH: u64 = 1_610;
/// From memory: it may come from the cache that all cores share.
const LOAD: u64 = 5_000;
/// Stores wait for nothing, until there are too many.
const STORE: u64 = 1_600;
const DIVISION: u64 = 2_500;
const MULTIPLICATION: u64 = 230;
/// Divisions and roots of floats; what is no number gets one form after each.
const LONG_FLOAT: u64 = 5_000;
/// Other arithmetic of floats.
const FLOAT: u64 = 2_900;
/// From and to integers, between widths; comparisons.
const CONVERSION: u64 = 1_900;

/// What the kinds above cost, in their order.
#[cfg(test)]
pub(crate) const fn of_kinds() -> [u64; 9] {
    [PLAIN, BRANCH, LOAD, STORE, DIVISION, MULTIPLICATION, LONG_FLOAT, FLOAT, CONVERSION]
}

/// The price of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// Whatever it works on.
    pub fixed: u64,
    /// For how much, where that stands on top of the stack: (gas, the unit as a power of two); each begun unit counts.
    pub each: Option<(u64, u32)>,
    /// Whether what came so far is charged before it: control may go elsewhere.
    pub branches: bool,
}

const fn fixed(fixed: u64) -> Option<Price> {
    Some(Price { fixed, each: None, branches: false })
}

const fn each(fixed: u64, gas: u64, unit_log2: u32) -> Option<Price> {
    Some(Price { fixed, each: Some((gas, unit_log2)), branches: false })
}

const BRANCHES: Option<Price> = Some(Price { fixed: BRANCH, each: None, branches: true });

/// Nothing for what contracts may not have: it was refused before, and is not compiled here either.
pub(crate) fn price(operator: &Operator<'_>) -> Option<Price> {
    use Operator as O;
    match operator {
        O::Loop { .. }
        | O::End
        | O::If { .. }
        | O::Else
        | O::Br { .. }
        | O::BrIf { .. }
        | O::BrTable { .. }
        | O::Call { .. }
        | O::CallIndirect { .. }
        | O::Return => BRANCHES,
        O::Nop
        | O::Unreachable
        | O::Block { .. }
        | O::Drop
        | O::Select
        | O::TypedSelect { .. }
        | O::LocalGet { .. }
        | O::LocalSet { .. }
        | O::LocalTee { .. }
        | O::GlobalGet { .. }
        | O::GlobalSet { .. }
        | O::I32Const { .. }
        | O::I64Const { .. }
        | O::F32Const { .. }
        | O::F64Const { .. }
        | O::MemorySize { .. }
        | O::TableSize { .. }
        | O::RefNull { .. }
        | O::RefIsNull
        | O::RefFunc { .. }
        | O::DataDrop { .. }
        | O::ElemDrop { .. } => fixed(PLAIN),
        O::I32Load { .. }
        | O::I64Load { .. }
        | O::F32Load { .. }
        | O::F64Load { .. }
        | O::I32Load8S { .. }
        | O::I32Load8U { .. }
        | O::I32Load16S { .. }
        | O::I32Load16U { .. }
        | O::I64Load8S { .. }
        | O::I64Load8U { .. }
        | O::I64Load16S { .. }
        | O::I64Load16U { .. }
        | O::I64Load32S { .. }
        | O::I64Load32U { .. }
        | O::TableGet { .. } => fixed(LOAD),
        O::I32Store { .. }
        | O::I64Store { .. }
        | O::F32Store { .. }
        | O::F64Store { .. }
        | O::I32Store8 { .. }
        | O::I32Store16 { .. }
        | O::I64Store8 { .. }
        | O::I64Store16 { .. }
        | O::I64Store32 { .. }
        | O::TableSet { .. } => fixed(STORE),
        O::I32Mul | O::I64Mul => fixed(MULTIPLICATION),
        O::I32DivS | O::I32DivU | O::I32RemS | O::I32RemU | O::I64DivS | O::I64DivU | O::I64RemS | O::I64RemU => fixed(DIVISION),
        O::F32Sqrt | O::F64Sqrt | O::F32Div | O::F64Div => fixed(LONG_FLOAT),
        O::F32Ceil
        | O::F32Floor
        | O::F32Trunc
        | O::F32Nearest
        | O::F32Add
        | O::F32Sub
        | O::F32Mul
        | O::F32Min
        | O::F32Max
        | O::F64Ceil
        | O::F64Floor
        | O::F64Trunc
        | O::F64Nearest
        | O::F64Add
        | O::F64Sub
        | O::F64Mul
        | O::F64Min
        | O::F64Max => fixed(FLOAT),
        O::F32Abs
        | O::F32Neg
        | O::F32Copysign
        | O::F64Abs
        | O::F64Neg
        | O::F64Copysign
        | O::F32Eq
        | O::F32Ne
        | O::F32Lt
        | O::F32Gt
        | O::F32Le
        | O::F32Ge
        | O::F64Eq
        | O::F64Ne
        | O::F64Lt
        | O::F64Gt
        | O::F64Le
        | O::F64Ge
        | O::I32TruncF32S
        | O::I32TruncF32U
        | O::I32TruncF64S
        | O::I32TruncF64U
        | O::I64TruncF32S
        | O::I64TruncF32U
        | O::I64TruncF64S
        | O::I64TruncF64U
        | O::I32TruncSatF32S
        | O::I32TruncSatF32U
        | O::I32TruncSatF64S
        | O::I32TruncSatF64U
        | O::I64TruncSatF32S
        | O::I64TruncSatF32U
        | O::I64TruncSatF64S
        | O::I64TruncSatF64U
        | O::F32ConvertI32S
        | O::F32ConvertI32U
        | O::F32ConvertI64S
        | O::F32ConvertI64U
        | O::F32DemoteF64
        | O::F64ConvertI32S
        | O::F64ConvertI32U
        | O::F64ConvertI64S
        | O::F64ConvertI64U
        | O::F64PromoteF32
        | O::I32ReinterpretF32
        | O::I64ReinterpretF64
        | O::F32ReinterpretI32
        | O::F64ReinterpretI64 => fixed(CONVERSION),
        O::I32Eqz
        | O::I32Eq
        | O::I32Ne
        | O::I32LtS
        | O::I32LtU
        | O::I32GtS
        | O::I32GtU
        | O::I32LeS
        | O::I32LeU
        | O::I32GeS
        | O::I32GeU
        | O::I64Eqz
        | O::I64Eq
        | O::I64Ne
        | O::I64LtS
        | O::I64LtU
        | O::I64GtS
        | O::I64GtU
        | O::I64LeS
        | O::I64LeU
        | O::I64GeS
        | O::I64GeU
        | O::I32Clz
        | O::I32Ctz
        | O::I32Popcnt
        | O::I32Add
        | O::I32Sub
        | O::I32And
        | O::I32Or
        | O::I32Xor
        | O::I32Shl
        | O::I32ShrS
        | O::I32ShrU
        | O::I32Rotl
        | O::I32Rotr
        | O::I64Clz
        | O::I64Ctz
        | O::I64Popcnt
        | O::I64Add
        | O::I64Sub
        | O::I64And
        | O::I64Or
        | O::I64Xor
        | O::I64Shl
        | O::I64ShrS
        | O::I64ShrU
        | O::I64Rotl
        | O::I64Rotr
        | O::I32WrapI64
        | O::I64ExtendI32S
        | O::I64ExtendI32U
        | O::I32Extend8S
        | O::I32Extend16S
        | O::I64Extend8S
        | O::I64Extend16S
        | O::I64Extend32S => fixed(PLAIN),
        // For what is asked, whether there is so much or not.
        O::MemoryGrow { .. } => each(2_300_000, PAGE_GAS, 0),
        O::MemoryInit { .. } => each(310_000, 32_768, 6),
        O::MemoryFill { .. } => each(2_900_000, 32_768, 6),
        O::MemoryCopy { .. } => each(4_500_000, 50_176, 6),
        O::TableInit { .. } => each(70_000, 52_224, 5),
        O::TableFill { .. } => each(80_000, 45_056, 6),
        O::TableCopy { .. } => each(70_000, 34_816, 5),
        // A grown table is copied: tables end at 2,500.
        O::TableGrow { .. } => each(12_000_000, 3_471, 0),
        _ => None,
    }
}

/// What a function of the host costs beside what the engine takes for it: by the bytes of one of its arguments, which is a record of the memory
/// (`offset`, `capacity`, `length`, of 32 bits each). The engine's prices are those of other machines, or leave the length out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByBytes {
    /// Of how many arguments, all of 32 bits.
    pub arguments: usize,
    /// Which one names the record, from 0 on.
    pub record: usize,
    /// Gas a byte.
    pub gas: u64,
}

/// What the host's functions of that name cost so.
pub(crate) fn by_bytes(import: &str) -> Option<ByBytes> {
    let (arguments, record, gas) = match import {
        // A point of 48 bytes: 28,000,000.
        "bls12_381_aggregate_g1" => (2, 0, 583_333),
        // A point of 96 bytes: 51,000,000.
        "bls12_381_aggregate_g2" => (2, 0, 531_250),
        // A pair, by its 48 bytes: 190,000,000.
        "bls12_381_pairing_equality" => (4, 0, 3_958_333),
        "bls12_381_hash_to_g1" | "bls12_381_hash_to_g2" => (4, 1, 1_000),
        "ed25519_verify" | "ed25519_batch_verify" => (3, 0, 700),
        _ => return None,
    };
    Some(ByBytes { arguments, record, gas })
}
