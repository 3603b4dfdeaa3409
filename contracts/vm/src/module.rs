//! What is to be known of code before it is compiled, and what the compiler may be given: it keeps a copy of the operand stack for each open
//! block, and compares copies at each call and trap, so that a small module could take gigabytes and minutes of it.

use crate::engine::{Checksum, Entry, Module, Refusal};
use crate::instructions::{PLAIN, Price, by_bytes, price};
use crate::prices;
use wasmparser::{
    BinaryReaderError, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FuncValidatorAllocations, Operator, Parser,
    Payload, TableInit, TypeRef, ValidPayload, Validator, WasmFeatures,
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

/// What the engine needs to know of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Of each function of its own: how many locals it declares.
    pub locals: Vec<u32>,
    /// What an instance costs.
    pub gas: u64,
}

/// Its shape. The code was judged good.
pub(crate) fn shape(wasm: &[u8]) -> Result<Shape, Refusal> {
    shaped(wasm).map_err(|error| Refusal(error.to_string()))
}

fn shaped(wasm: &[u8]) -> Result<Shape, BinaryReaderError> {
    let (mut locals, mut pages, mut parts, mut functions) = (Vec::new(), 0u32, 0u64, 0u64);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::MemorySection(memories) => {
                for memory in memories {
                    pages = pages.saturating_add(u32::try_from(memory?.initial).unwrap_or(u32::MAX));
                }
            }
            Payload::ExportSection(section) => parts = parts.saturating_add(section.count().into()),
            Payload::GlobalSection(section) => parts = parts.saturating_add(section.count().into()),
            Payload::DataSection(section) => parts = parts.saturating_add(section.count().into()),
            Payload::ElementSection(section) => {
                parts = parts.saturating_add(section.count().into());
                for element in section {
                    functions = functions.saturating_add(match element?.items {
                        ElementItems::Functions(items) => items.count().into(),
                        ElementItems::Expressions(_, items) => items.count().into(),
                    });
                }
            }
            Payload::CodeSectionEntry(body) => {
                let mut count = 0u32;
                for declared in body.get_locals_reader()? {
                    count = count.saturating_add(declared?.0);
                }
                locals.push(count);
            }
            _ => {}
        }
    }
    functions = functions.saturating_add(locals.len() as u64);
    Ok(Shape { gas: prices::instance(pages, parts, functions), locals })
}

/// Reads code and refuses what would be a burden to compile. From its bytes alone.
pub(crate) fn read(wasm: &[u8], code: Checksum) -> Result<Module, Refusal> {
    let wrong = |error: wasmparser::BinaryReaderError| Refusal(error.to_string());
    called_by_name(wasm).map_err(wrong)??;
    let mut module = Module {
        code,
        entries: 0,
        migrate_version: None,
        compiled: COMPILED_LEAST.saturating_add(u32::try_from(wasm.len()).unwrap_or(u32::MAX)),
    };
    let mut validator = Validator::new_with_features(features());
    let (mut allocations, mut of_module) = (FuncValidatorAllocations::default(), 0u64);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(wrong)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(wrong)? {
            let mut function = function.into_validator(allocations);
            let (looks, compiled) = burden(&mut function, &body).map_err(wrong)??;
            module.compiled = module.compiled.saturating_add(compiled);
            of_module = of_module.saturating_add(looks);
            allocations = function.into_allocations();
        }
        parts(&payload)?;
        match payload {
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export.map_err(wrong)?;
                    let entry =
                        Entry::ALL.into_iter().find(|entry| entry.name() == export.name && export.kind == ExternalKind::Func);
                    module.entries |= entry.map_or(0, |entry| 1 << entry as u8);
                }
            }
            Payload::CustomSection(section) if section.name() == "cw_migrate_version" => {
                let text = std::str::from_utf8(section.data()).ok().and_then(|text| text.parse().ok());
                module.migrate_version = Some(text.ok_or_else(|| Refusal("cw_migrate_version is no number".into()))?);
            }
            _ => {}
        }
    }
    if of_module > LOOKS_OF_MODULE_MAX {
        return Err(Refusal(format!(
            "its functions together are a burden of {of_module} to the compiler; {LOOKS_OF_MODULE_MAX} is the most"
        )));
    }
    Ok(module)
}

/// Refuses code that could call a function whose price depends on what it is told of without naming it: a price is taken where a call names it.
fn called_by_name(wasm: &[u8]) -> Result<Result<(), Refusal>, BinaryReaderError> {
    let (mut imported, mut priced) = (0u32, Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        let mut passed_on = Vec::new();
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    if let TypeRef::Func(_) = import.ty {
                        if by_bytes(import.name).is_some() {
                            priced.push((imported, import.name));
                        }
                        imported = imported.saturating_add(1);
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        passed_on.push(export.index);
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    referred(&global?.init_expr, &mut passed_on)?;
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    if let TableInit::Expr(expr) = table?.init {
                        referred(&expr, &mut passed_on)?;
                    }
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element?;
                    if let ElementKind::Active { offset_expr, .. } = &element.kind {
                        referred(offset_expr, &mut passed_on)?;
                    }
                    match element.items {
                        ElementItems::Functions(items) => {
                            for function in items {
                                passed_on.push(function?);
                            }
                        }
                        ElementItems::Expressions(_, items) => {
                            for expr in items {
                                referred(&expr?, &mut passed_on)?;
                            }
                        }
                    }
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    if let DataKind::Active { offset_expr, .. } = segment?.kind {
                        referred(&offset_expr, &mut passed_on)?;
                    }
                }
            }
            Payload::StartSection { func, .. } => passed_on.push(func),
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    if let Operator::RefFunc { function_index } = operator? {
                        passed_on.push(function_index);
                    }
                }
            }
            _ => {}
        }
        if let Some((_, name)) = priced.iter().find(|(index, _)| passed_on.contains(index)) {
            return Ok(Err(Refusal(format!(
                "it passes the host's {name} on: such a function is to be called by its name alone"
            ))));
        }
    }
    Ok(Ok(()))
}

fn referred(expr: &ConstExpr<'_>, to: &mut Vec<u32>) -> Result<(), BinaryReaderError> {
    for operator in expr.get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            to.push(function_index);
        }
    }
    Ok(())
}

/// Refuses what every instance would pay for.
fn parts(payload: &Payload<'_>) -> Result<(), Refusal> {
    let (count, what) = match payload {
        Payload::ExportSection(section) => (section.count(), "exports"),
        Payload::GlobalSection(section) => (section.count(), "globals"),
        Payload::DataSection(section) => (section.count(), "segments of data"),
        Payload::ElementSection(section) => (section.count(), "segments of elements"),
        _ => return Ok(()),
    };
    if count > PARTS_MAX { Err(Refusal(format!("it has {count} {what}; {PARTS_MAX} are the most"))) } else { Ok(()) }
}

/// The least that a compiled module has, and what each function adds beside its instructions.
const COMPILED_LEAST: u32 = 16_384;
const FUNCTION_BYTES: u32 = 400;

type Function = wasmparser::FuncValidator<wasmparser::ValidatorResources>;

fn burden(
    function: &mut Function,
    body: &wasmparser::FunctionBody<'_>,
) -> Result<Result<(u64, u32), Refusal>, BinaryReaderError> {
    let mut reader = body.get_binary_reader();
    function.read_locals(&mut reader)?;
    let (mut looks, mut compiled) = (0u64, FUNCTION_BYTES);
    while !reader.eof() {
        let at = reader.original_position();
        let operator = reader.read_operator()?;
        function.op(at, &operator)?;
        let (operands, blocks) = (function.operand_stack_height(), function.control_stack_height());
        if operands > OPERANDS_MAX || blocks > BLOCKS_MAX {
            let text = format!(
                "a function has {operands} operands and {blocks} open blocks at once; {OPERANDS_MAX} and {BLOCKS_MAX} are the most"
            );
            return Ok(Err(Refusal(text)));
        }
        compiled = compiled.saturating_add(bytes_of(&operator));
        if is_looked_at(&operator) {
            looks = looks.saturating_add(u64::from(operands)).saturating_add(u64::from(function.len_locals()));
        }
    }
    if looks > LOOKS_MAX {
        let text = format!("a function is a burden of {looks} to the compiler; {LOOKS_MAX} is the most: cut it up");
        return Ok(Err(Refusal(text)));
    }
    Ok(Ok((looks, compiled)))
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

    fn read_text(body: &str) -> Result<Module, Refusal> {
        let wasm = wat::parse_str(format!("(module (func (export \"execute\") (local i32) {body}))")).unwrap();
        read(&wasm, Checksum([0; 32]))
    }

    #[test]
    fn what_would_be_a_burden_to_compile_is_refused_before_it_is() {
        assert!(read_text("nop").unwrap().has(Entry::Execute));
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
}
