//! What is to be known of code before it is compiled, and what the compiler may be given: it keeps a copy of the operand stack for each open
//! block, and compares copies at each call and trap, so that a small module could take gigabytes and minutes of it.

use crate::engine::{Checksum, Entry, Module, Refusal};
use crate::instructions::{PLAIN, Price, by_bytes, price};
use crate::prices;
use wasmparser::{
    BinaryReaderError, ConstExpr, CustomSectionReader, DataKind, Element, ElementItems, ElementKind, Export, ExternalKind,
    FuncToValidate, FuncValidator, FuncValidatorAllocations, FunctionBody, Import, Operator, Parser, Payload, TableInit, TypeRef,
    ValidPayload, Validator, ValidatorResources, WasmFeatures,
};

/// Values on the operand stack. Published contracts have up to about forty.
const OPERANDS_MAX: u32 = 1_024;
/// Blocks within blocks. Published contracts have some hundreds: a `match` of many arms.
const BLOCKS_MAX: u32 = 1_024;
/// Over all that makes the compiler look at its copies, what there is to look at: operands and locals, in one function and in the module.
const LOOKS_MAX: u64 = 4_000_000;
const LOOKS_OF_MODULE_MAX: u64 = 40_000_000;
/// Exports, globals, segments of data and of elements, of each: every instance is made with all of them, for one price. Published contracts
/// have some dozens.
const PARTS_MAX: u32 = 1_024;

/// The least that a compiled module has, and what each function adds beside its instructions.
const COMPILED_LEAST: u32 = 16_384;
const FUNCTION_BYTES: u32 = 400;

/// The features that a node's engine has (`cosmwasm-vm`, parsed_wasm.rs).
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::FLOATS
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::BULK_MEMORY
}

/// What one walk over a module tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub module: Module,
    /// Of each function of its own: how many locals it declares.
    pub locals: Vec<u32>,
    /// What an instance costs.
    pub gas: u64,
}

/// Reads code, and refuses what is none or would be a burden to compile. From its bytes alone.
pub(crate) fn judged(wasm: &[u8], code: Checksum) -> Result<Known, Refusal> {
    let judge =
        Judge { validator: Validator::new_with_features(features()), allocations: FuncValidatorAllocations::default(), looks: 0 };
    walked(wasm, code, Some(judge))
}

/// Reads code that was judged good, and judges it no more: an older program may have done so by other bounds.
pub(crate) fn known(wasm: &[u8], code: Checksum) -> Result<Known, Refusal> {
    walked(wasm, code, None)
}

fn walked(wasm: &[u8], code: Checksum, judge: Option<Judge>) -> Result<Known, Refusal> {
    let compiled = COMPILED_LEAST.saturating_add(u32::try_from(wasm.len()).unwrap_or(u32::MAX));
    let mut walk = Walk {
        module: Module { code, entries: 0, migrate_version: None, compiled },
        locals: Vec::new(),
        pages: 0,
        parts: 0,
        elements: 0,
        imported: 0,
        priced: Vec::new(),
        judge,
    };
    for payload in Parser::new(0).parse_all(wasm) {
        walk.pass(payload?)?;
    }
    let functions = walk.elements.saturating_add(walk.locals.len() as u64);
    Ok(Known { gas: prices::instance(walk.pages, walk.parts, functions), module: walk.module, locals: walk.locals })
}

impl From<BinaryReaderError> for Refusal {
    fn from(error: BinaryReaderError) -> Self {
        Refusal(error.to_string())
    }
}

type Function = FuncValidator<ValidatorResources>;

/// Whether it is a module that a node can bear.
struct Judge {
    validator: Validator,
    allocations: FuncValidatorAllocations,
    /// Of all functions so far.
    looks: u64,
}

impl Judge {
    /// A part; where it is a function, that is to be looked at by instructions.
    fn begin(&mut self, payload: &Payload<'_>) -> Result<Option<Function>, Refusal> {
        match self.validator.payload(payload)? {
            ValidPayload::Func(function, _) => Ok(Some(self.opened(function))),
            _ => Ok(None),
        }
    }

    fn opened(&mut self, function: FuncToValidate<ValidatorResources>) -> Function {
        function.into_validator(std::mem::take(&mut self.allocations))
    }

    fn end(&mut self, function: Function, looks: u64) -> Result<(), Refusal> {
        self.allocations = function.into_allocations();
        self.looks = self.looks.saturating_add(looks);
        if looks > LOOKS_MAX {
            return Err(Refusal(format!(
                "a function is a burden of {looks} to the compiler; {LOOKS_MAX} is the most: cut it up"
            )));
        }
        if self.looks > LOOKS_OF_MODULE_MAX {
            let all = self.looks;
            return Err(Refusal(format!(
                "its functions together are a burden of {all} to the compiler; {LOOKS_OF_MODULE_MAX} is the most"
            )));
        }
        Ok(())
    }
}

/// A module under way: each of its parts is passed once, in their order.
struct Walk<'a> {
    module: Module,
    locals: Vec<u32>,
    pages: u32,
    parts: u64,
    elements: u64,
    /// Functions so far.
    imported: u32,
    /// Functions whose price depends on what they are told of, their numbers rising.
    priced: Vec<(u32, &'a str)>,
    judge: Option<Judge>,
}

impl<'a> Walk<'a> {
    fn pass(&mut self, payload: Payload<'a>) -> Result<(), Refusal> {
        let function = match &mut self.judge {
            Some(judge) => judge.begin(&payload)?,
            None => None,
        };
        match payload {
            Payload::ImportSection(imports) => imports.into_iter().try_for_each(|import| {
                self.import(&import?);
                Ok(())
            }),
            Payload::TableSection(tables) => tables.into_iter().try_for_each(|table| match table?.init {
                TableInit::Expr(expr) => self.refers(&expr),
                TableInit::RefNull => Ok(()),
            }),
            Payload::MemorySection(memories) => memories.into_iter().try_for_each(|memory| {
                self.pages = self.pages.saturating_add(u32::try_from(memory?.initial).unwrap_or(u32::MAX));
                Ok(())
            }),
            Payload::GlobalSection(globals) => {
                self.part(globals.count(), "globals")?;
                globals.into_iter().try_for_each(|global| self.refers(&global?.init_expr))
            }
            Payload::ExportSection(exports) => {
                self.part(exports.count(), "exports")?;
                exports.into_iter().try_for_each(|export| self.export(&export?))
            }
            Payload::StartSection { func, .. } => self.passes_on(func),
            Payload::ElementSection(elements) => {
                self.part(elements.count(), "segments of elements")?;
                elements.into_iter().try_for_each(|element| self.element(element?))
            }
            Payload::DataSection(segments) => {
                self.part(segments.count(), "segments of data")?;
                segments.into_iter().try_for_each(|segment| match segment?.kind {
                    DataKind::Active { offset_expr, .. } => self.refers(&offset_expr),
                    DataKind::Passive => Ok(()),
                })
            }
            Payload::CodeSectionEntry(body) => self.function(&body, function),
            Payload::CustomSection(section) => self.custom(&section),
            _ => Ok(()),
        }
    }

    fn import(&mut self, import: &Import<'a>) {
        let TypeRef::Func(_) = import.ty else { return };
        if self.judge.is_some() && by_bytes(import.name).is_some() {
            self.priced.push((self.imported, import.name));
        }
        self.imported = self.imported.saturating_add(1);
    }

    /// So many of what every instance would pay for.
    fn part(&mut self, count: u32, what: &str) -> Result<(), Refusal> {
        if self.judge.is_some() && count > PARTS_MAX {
            return Err(Refusal(format!("it has {count} {what}; {PARTS_MAX} are the most")));
        }
        self.parts = self.parts.saturating_add(count.into());
        Ok(())
    }

    fn export(&mut self, export: &Export<'_>) -> Result<(), Refusal> {
        if export.kind != ExternalKind::Func {
            return Ok(());
        }
        let entry = Entry::ALL.into_iter().find(|entry| entry.name() == export.name);
        self.module.entries |= entry.map_or(0, |entry| 1 << entry as u8);
        self.passes_on(export.index)
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), Refusal> {
        if let ElementKind::Active { offset_expr, .. } = &element.kind {
            self.refers(offset_expr)?;
        }
        match element.items {
            ElementItems::Functions(items) => {
                self.elements = self.elements.saturating_add(items.count().into());
                items.into_iter().try_for_each(|function| self.passes_on(function?))
            }
            ElementItems::Expressions(_, items) => {
                self.elements = self.elements.saturating_add(items.count().into());
                items.into_iter().try_for_each(|expr| self.refers(&expr?))
            }
        }
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) -> Result<(), Refusal> {
        if section.name() == "cw_migrate_version" {
            let text = std::str::from_utf8(section.data()).ok().and_then(|text| text.parse().ok());
            self.module.migrate_version = Some(text.ok_or_else(|| Refusal("cw_migrate_version is no number".into()))?);
        }
        Ok(())
    }

    fn refers(&self, expr: &ConstExpr<'_>) -> Result<(), Refusal> {
        expr.get_operators_reader().into_iter().try_for_each(|operator| self.refers_by(&operator?))
    }

    fn refers_by(&self, operator: &Operator<'_>) -> Result<(), Refusal> {
        match operator {
            Operator::RefFunc { function_index } => self.passes_on(*function_index),
            _ => Ok(()),
        }
    }

    /// Refuses code that could call a function whose price depends on what it is told of without naming it: a price is taken where a call names
    /// it.
    fn passes_on(&self, function: u32) -> Result<(), Refusal> {
        let at = self.priced.binary_search_by_key(&function, |(index, _)| *index).ok();
        match at.and_then(|at| self.priced.get(at)) {
            Some((_, name)) => {
                Err(Refusal(format!("it passes the host's {name} on: such a function is to be called by its name alone")))
            }
            None => Ok(()),
        }
    }

    fn function(&mut self, body: &FunctionBody<'_>, mut judged: Option<Function>) -> Result<(), Refusal> {
        self.declared(body, judged.as_mut())?;
        let (mut looks, mut compiled) = (0u64, FUNCTION_BYTES);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let at = operators.original_position();
            let operator = operators.read()?;
            self.refers_by(&operator)?;
            if let Some(function) = &mut judged {
                function.op(at, &operator)?;
                looks = looks.saturating_add(looks_at(function, &operator)?);
            }
            compiled = compiled.saturating_add(bytes_of(&operator));
        }
        self.module.compiled = self.module.compiled.saturating_add(compiled);
        match (judged, &mut self.judge) {
            (Some(function), Some(judge)) => judge.end(function, looks),
            _ => Ok(()),
        }
    }

    fn declared(&mut self, body: &FunctionBody<'_>, mut judged: Option<&mut Function>) -> Result<(), Refusal> {
        let mut locals = body.get_locals_reader()?;
        let mut declared = 0u32;
        for _ in 0..locals.get_count() {
            let at = locals.original_position();
            let (count, kind) = locals.read()?;
            if let Some(function) = &mut judged {
                function.define_locals(at, count, kind)?;
            }
            declared = declared.saturating_add(count);
        }
        self.locals.push(declared);
        Ok(())
    }
}

/// At how much the compiler looks for this instruction, which was the last.
fn looks_at(function: &Function, operator: &Operator<'_>) -> Result<u64, Refusal> {
    let (operands, blocks) = (function.operand_stack_height(), function.control_stack_height());
    if operands > OPERANDS_MAX || blocks > BLOCKS_MAX {
        return Err(Refusal(format!(
            "a function has {operands} operands and {blocks} open blocks at once; {OPERANDS_MAX} and {BLOCKS_MAX} are the most"
        )));
    }
    let all = u64::from(operands).saturating_add(u64::from(function.len_locals()));
    Ok(if is_looked_at(operator) { all } else { 0 })
}

/// What an instruction becomes, about, in bytes, with what the engine notes of it: where gas is counted, the counting is most of it; whatever may
/// trap has a check and an entry in a table.
fn bytes_of(operator: &Operator<'_>) -> u32 {
    match price(operator) {
        Some(Price { each: Some(_), .. }) => 330,
        Some(Price { branches: true, .. }) if matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. }) => 220,
        Some(Price { branches: true, .. }) => 140,
        Some(Price { fixed: PLAIN, .. }) => 5,
        Some(_) => 110,
        None => 0,
    }
}

/// Control, calls, and what may trap: all but constants, arithmetic of integers that cannot, and moves.
fn is_looked_at(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::GlobalGet { .. }
            | Operator::GlobalSet { .. }
            | Operator::Drop
            | Operator::Nop
            | Operator::I32Add
            | Operator::I32Sub
            | Operator::I64Add
            | Operator::I64Sub
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(body: &str) -> Result<Known, Refusal> {
        let wasm = wat::parse_str(format!("(module (func (export \"execute\") (local i32) {body}))")).unwrap();
        judged(&wasm, Checksum([0; 32]))
    }

    #[test]
    fn what_would_be_a_burden_to_compile_is_refused_before_it_is() {
        assert!(read_text("nop").unwrap().module.has(Entry::Execute));
        let drops = |n: usize| "drop ".repeat(n);
        let deep = |n: usize| format!("{}{}", "i32.const 1 ".repeat(n), drops(n));
        assert!(read_text(&deep(1_024)).is_ok());
        assert!(read_text(&deep(1_025)).unwrap_err().0.contains("operands"));
        let nested = |n: usize| format!("{}{}", "block ".repeat(n), "end ".repeat(n));
        assert!(read_text(&nested(1_023)).is_ok());
        assert!(read_text(&nested(1_024)).unwrap_err().0.contains("open blocks"));
        let wide = format!("{}{}{}", "i32.const 1 ".repeat(1_000), "block end ".repeat(3_000), drops(1_000));
        assert!(read_text(&wide).unwrap_err().0.contains("burden"));
    }

    /// Whoever restores code hears the same of it as whoever judged it, and is refused nothing for a bound.
    #[test]
    fn what_was_judged_good_is_known_alike_and_judged_no_more() {
        let text = r#"(module (import "env" "ed25519_verify" (func $v (param i32 i32 i32) (result i32))) (memory 3)
            (global i32 (i32.const 1)) (global funcref (ref.func $f)) (table 5 5 funcref) (elem (i32.const 0) $f $f) (data (i32.const 8) "x")
            (func $f (export "query") (local i32 i64 i64) (drop (call $v (i32.const 1) (i32.const 2) (i32.const 3))))
            (func (local f32) (drop (f32.sqrt (f32.const 2)))) (@custom "cw_migrate_version" "12"))"#;
        let wasm = wat::parse_str(text).unwrap();
        let code = Checksum([0; 32]);
        let found = judged(&wasm, code).unwrap();
        assert_eq!(known(&wasm, code), Ok(found.clone()));
        assert_eq!((&found.locals[..], found.module.migrate_version), (&[3, 1][..], Some(12)));
        assert!(found.module.has(Entry::Query) && !found.module.has(Entry::Execute));
        // Two globals, an export, a segment of elements and one of data; two functions, and two more in the table.
        assert_eq!(found.gas, prices::instance(3, 5, 4));
        for (parts, why) in [
            ("(global i32 (i32.const 1))".repeat(1_025), "1025 globals"),
            (format!("(func {}{})", "block ".repeat(1_100), "end ".repeat(1_100)), "open blocks"),
            (
                r#"(import "env" "ed25519_verify" (func $v (param i32 i32 i32) (result i32))) (export "v" (func $v))"#.into(),
                "passes the host's ed25519_verify on",
            ),
        ] {
            let wasm = wat::parse_str(format!("(module {parts})")).unwrap();
            assert!(judged(&wasm, code).unwrap_err().0.contains(why), "{why}");
            assert!(known(&wasm, code).is_ok(), "{why}");
        }
    }
}
