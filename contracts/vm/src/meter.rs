//! Counts gas in compiled code: before each place where control may go elsewhere, what was passed since the last one is taken from what is left.
//!
//! Two globals are what the engine around it looks at, under the names that it knows: how much is left, and whether it was too little. Others
//! hold for a moment what stands on the stack, while that is priced.

use crate::instructions::{ByBytes, Price, by_bytes, price};
use std::sync::OnceLock;
use wasmer::wasmparser::{BlockType, MemArg, Operator};
use wasmer::{
    ExportIndex, FunctionMiddleware, GlobalInit, GlobalType, LocalFunctionIndex, MiddlewareError, MiddlewareReaderState,
    ModuleMiddleware, Mutability, Type,
};
use wasmer_types::{GlobalIndex, ImportIndex, ModuleInfo};

const NAME: &str = "prices";
const LEFT: &str = "wasmer_metering_remaining_points";
const EXHAUSTED: &str = "wasmer_metering_points_exhausted";
/// So many of a function's locals are part of its call's price.
pub(crate) const LOCALS_FREE: u32 = 29;
pub(crate) const PER_LOCAL: u64 = 115;
/// Arguments of the host's functions that are priced by bytes.
const ARGUMENTS_MAX: usize = 4;
/// Where a record has its length.
const LENGTH_OFFSET: u64 = 8;

/// Counts in one module.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Of each function of the module's own.
    locals: Vec<u32>,
    /// Set when the module is begun.
    places: OnceLock<Places>,
}

#[derive(Clone, Debug, Default)]
struct Places {
    left: u32,
    exhausted: u32,
    /// An amount, 64 bits wide.
    due: u32,
    /// 32 bits wide.
    held: [u32; ARGUMENTS_MAX],
    /// By the number of an imported function.
    imports: Vec<Option<ByBytes>>,
}

impl Meter {
    pub fn new(locals: Vec<u32>) -> Self {
        Self { locals, places: OnceLock::new() }
    }
}

fn global(info: &mut ModuleInfo, kind: Type) -> u32 {
    let init = if kind == Type::I64 { GlobalInit::I64Const(0) } else { GlobalInit::I32Const(0) };
    info.global_initializers.push(init);
    info.globals.push(GlobalType::new(kind, Mutability::Var)).as_u32()
}

impl ModuleMiddleware for Meter {
    fn generate_function_middleware(&self, index: LocalFunctionIndex) -> Box<dyn FunctionMiddleware> {
        let locals = self.locals.get(index.as_u32() as usize).copied().unwrap_or(0);
        let passed = PER_LOCAL.saturating_mul(u64::from(locals.saturating_sub(LOCALS_FREE)));
        // The module is begun before its functions are.
        let places = self.places.get().cloned().unwrap_or_default();
        Box::new(Counting { places, passed })
    }

    fn transform_module_info(&self, info: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        let mut imports = vec![None; info.num_imported_functions];
        for (key, import) in &info.imports {
            if let ImportIndex::Function(index) = import
                && let Some(place) = imports.get_mut(index.as_u32() as usize)
            {
                *place = by_bytes(&key.field);
            }
        }
        let places = Places {
            left: global(info, Type::I64),
            exhausted: global(info, Type::I32),
            due: global(info, Type::I64),
            held: std::array::from_fn(|_| global(info, Type::I32)),
            imports,
        };
        for (name, index) in [(LEFT, places.left), (EXHAUSTED, places.exhausted)] {
            info.exports.insert(name.into(), ExportIndex::Global(GlobalIndex::from_u32(index)));
        }
        self.places.set(places).map_err(|_| MiddlewareError::new(NAME, "a meter is for one module"))
    }
}

#[derive(Debug)]
struct Counting {
    places: Places,
    /// What was passed since gas was last taken.
    passed: u64,
}

const fn get(global_index: u32) -> Operator<'static> {
    Operator::GlobalGet { global_index }
}

const fn set(global_index: u32) -> Operator<'static> {
    Operator::GlobalSet { global_index }
}

const fn number(value: u64) -> Operator<'static> {
    // Prices are far below 2^63.
    Operator::I64Const { value: value as i64 }
}

impl Counting {
    /// Takes what was passed.
    fn charge(&mut self, state: &mut MiddlewareReaderState<'_>) {
        let passed = std::mem::take(&mut self.passed);
        if passed > 0 {
            self.take(state, number(passed));
        }
    }

    /// Takes an amount that one instruction puts on the stack, again and again.
    fn take(&self, state: &mut MiddlewareReaderState<'_>, amount: Operator<'static>) {
        let Places { left, exhausted, .. } = self.places;
        state.extend([get(left), amount.clone(), Operator::I64LtU, Operator::If { blockty: BlockType::Empty }]);
        state.extend([Operator::I32Const { value: 1 }, set(exhausted), Operator::Unreachable, Operator::End]);
        state.extend([get(left), amount, Operator::I64Sub, set(left)]);
    }

    /// With an amount of 32 bits on the stack: takes so much gas for each begun unit of it, beside what was passed.
    fn charge_each(&mut self, state: &mut MiddlewareReaderState<'_>, gas: u64, unit_log2: u32) {
        let more = (1u64 << unit_log2.min(32)).saturating_sub(1);
        let passed = std::mem::take(&mut self.passed);
        state.extend([Operator::I64ExtendI32U, number(more), Operator::I64Add, number(u64::from(unit_log2)), Operator::I64ShrU]);
        state.extend([number(gas), Operator::I64Mul, number(passed), Operator::I64Add, set(self.places.due)]);
        self.take(state, get(self.places.due));
    }

    /// Before a call of the host's function: by the length of one of the records that it is told of.
    fn charge_bytes(&mut self, state: &mut MiddlewareReaderState<'_>, by: ByBytes) {
        let (held, last) = (self.places.held, by.arguments.min(ARGUMENTS_MAX));
        for place in held.iter().take(last).skip(by.record).rev() {
            state.push_operator(set(*place));
        }
        let memarg = MemArg { align: 2, max_align: 2, offset: LENGTH_OFFSET, memory: 0 };
        let record = held.get(by.record).copied().unwrap_or_default();
        state.extend([get(record), Operator::I32Load { memarg }]);
        self.charge_each(state, by.gas, 0);
        for place in held.iter().take(last).skip(by.record) {
            state.push_operator(get(*place));
        }
    }
}

impl FunctionMiddleware for Counting {
    fn feed<'a>(&mut self, operator: Operator<'a>, state: &mut MiddlewareReaderState<'a>) -> Result<(), MiddlewareError> {
        let Some(Price { fixed, each, branches }) = price(&operator) else {
            return Err(MiddlewareError::new(NAME, format!("no contract may have {operator:?}")));
        };
        self.passed = self.passed.saturating_add(fixed);
        if let Operator::Call { function_index } = operator
            && let Some(Some(by)) = self.places.imports.get(function_index as usize).copied()
        {
            self.charge_bytes(state, by);
        } else if let Some((gas, unit_log2)) = each {
            let held = self.places.held[0];
            state.extend([set(held), get(held)]);
            self.charge_each(state, gas, unit_log2);
            state.push_operator(get(held));
        } else if branches {
            self.charge(state);
        }
        state.push_operator(operator);
        Ok(())
    }
}
