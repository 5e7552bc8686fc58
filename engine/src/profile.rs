// SPDX-License-Identifier: Apache-2.0
//! The determinism profile ipvm/det/1 (FORMATS section 6) as a validator, and
//! how big a module may be before we compile it.

use crate::budget::TABLE_MAX;
use crate::door::{Failure, INVALID, LIMIT};
use wasmparser::{
    Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures,
};

pub const STACK_MAX: usize = 1 << 20; // bytes of guest stack
pub const TABLES_MAX: u32 = 16; // in a module
pub const CORE_INSTANCES_MAX: u32 = 64; // in a component
const MODULE_MAX: usize = 64 << 20; // bytes
const FUNCTIONS_MAX: u32 = 100_000;
const BODY_MAX: usize = 2 << 20; // bytes of one function
const IMPORTS_MAX: u32 = 1_000;
const EXPORTS_MAX: u32 = 100_000;
const GLOBALS_MAX: u32 = 100_000;
const TYPES_MAX: u32 = 100_000;
const SEGMENTS_MAX: u32 = 100_000;
const MODULES_MAX: u32 = 64; // in a component

/// WebAssembly 2.0 with extended constant expressions and tail calls.
pub fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::COMPONENT_MODEL
}

/// Refuses what is not WebAssembly, is outside the profile, or passes one of
/// the bounds above. Costs no compiling.
pub fn check(wasm: &[u8]) -> Result<Encoding, Failure> {
    bound("module", wasm.len(), MODULE_MAX, "bytes")?;
    let mut validator = Validator::new_with_features(features());
    let mut caps = Caps::default();
    let mut encoding = Encoding::Module;
    let mut first = true;
    let mut allocations = wasmparser::FuncValidatorAllocations::default();

    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        if let (true, Payload::Version { encoding: found, .. }) =
            (first, &payload)
        {
            encoding = *found;
            first = false;
        }
        if let Payload::ModuleSection { unchecked_range: inside, .. }
        | Payload::ComponentSection { unchecked_range: inside, .. } =
            &payload
            && inside.end > wasm.len()
        {
            // The parser takes the end of the bytes for the end of these.
            return Err(Failure::at(INVALID, inside.start, "unexpected end"));
        }
        caps.count(&payload)?;
        if let ValidPayload::Func(function, body) =
            validator.payload(&payload).map_err(invalid)?
        {
            bound("a function", body.range().len(), BODY_MAX, "bytes")?;
            let mut function = function.into_validator(allocations);
            function.validate(&body).map_err(invalid)?;
            allocations = function.into_allocations();
        }
    }
    Ok(encoding)
}

#[derive(Default)]
struct Caps {
    functions: u32,
    modules: u32,
    instances: u32,
}

impl Caps {
    fn count(&mut self, payload: &Payload) -> Result<(), Failure> {
        let many = |what: &str, count: u32, max: u32| {
            bound("module", count as usize, max as usize, what)
        };
        match payload {
            Payload::TypeSection(s) => many("types", s.count(), TYPES_MAX),
            Payload::ImportSection(s) => {
                many("imports", s.count(), IMPORTS_MAX)
            }
            Payload::ExportSection(s) => {
                many("exports", s.count(), EXPORTS_MAX)
            }
            Payload::GlobalSection(s) => {
                many("globals", s.count(), GLOBALS_MAX)
            }
            Payload::TableSection(s) => {
                for table in s.clone() {
                    let initial = table.map_err(invalid)?.ty.initial;
                    let count = usize::try_from(initial).unwrap_or(usize::MAX);
                    bound("a table", count, TABLE_MAX, "elements")?;
                }
                many("tables", s.count(), TABLES_MAX)
            }
            Payload::ElementSection(s) => {
                many("element segments", s.count(), SEGMENTS_MAX)
            }
            Payload::DataSection(s) => {
                many("data segments", s.count(), SEGMENTS_MAX)
            }
            Payload::FunctionSection(s) => {
                self.functions = self.functions.saturating_add(s.count());
                many("functions", self.functions, FUNCTIONS_MAX)
            }
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                many("core modules", self.modules, MODULES_MAX)
            }
            Payload::InstanceSection(s) => {
                self.instances = self.instances.saturating_add(s.count());
                many("core instances", self.instances, CORE_INSTANCES_MAX)
            }
            _ => Ok(()),
        }
    }
}

fn bound(
    whose: &str,
    count: usize,
    max: usize,
    what: &str,
) -> Result<(), Failure> {
    if count > max {
        return Err(Failure::new(
            LIMIT,
            format!("{whose} has {count} {what}, at most {max} are compiled"),
        ));
    }
    Ok(())
}

fn invalid(error: wasmparser::BinaryReaderError) -> Failure {
    Failure::at(INVALID, error.offset(), error.message())
}

/// The version of a crate as built in, from the lock file.
pub fn version_of(name: &str) -> &'static str {
    const LOCK: &str = include_str!("../Cargo.lock");
    let head = format!("name = \"{name}\"\nversion = \"");
    let Some(at) = LOCK.find(&head) else { return "?" };
    let rest = &LOCK[at + head.len()..];
    &rest[..rest.find('"').unwrap_or(0)]
}
