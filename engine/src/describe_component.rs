// SPDX-License-Identifier: Apache-2.0
//! What a component is made of: whether it is one core module that imports
//! nothing, and then how each of its functions is lifted from it, so that it
//! can be called without the component API. And which imports are offered.

use crate::content;
use crate::core_module::CoreModule;
use crate::describe::Refusal;
use std::collections::HashMap;
use std::ops::Range;
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentInstance, ComponentTypeRef, ExternalKind, Instance, Parser,
    Payload,
};

/// How to call a function on the core module; strings are UTF-8.
#[derive(Clone)]
pub struct Lift {
    pub export: String,
    pub realloc: Option<String>,
    pub post: Option<String>,
}

/// A component of a single core instance.
pub struct Single {
    pub module: Range<usize>,
    pub exports_memory: bool,
    lifts: HashMap<(String, String), Lift>, // (interface or "", name)
}

impl Single {
    /// None: the component is anything more complicated.
    pub fn find(wasm: &[u8]) -> Option<Single> {
        let mut walk = Walk::default();
        walk.component(wasm)?;
        let module = walk.module?;
        let core = CoreModule::read(&wasm[module.clone()]).ok()?;
        if !core.imports.is_empty() || walk.instances != 1 {
            return None;
        }
        Some(Single {
            module,
            exports_memory: core.exports_memory,
            lifts: walk.lifts,
        })
    }

    pub fn lift(&self, interface: Option<&str>, name: &str) -> Option<Lift> {
        let key = (interface.unwrap_or("").to_string(), name.to_string());
        self.lifts.get(&key).cloned()
    }
}

/// A function of a component: lifted from the core module, or something else.
type Function = Option<Lift>;

#[derive(Default)]
struct Walk {
    module: Option<Range<usize>>,
    instances: usize,                    // core
    core_functions: Vec<Option<String>>, // by index: export of the core module
    functions: Vec<Function>,            // by index
    component_instances: Vec<HashMap<String, Function>>,
    components: Vec<HashMap<String, String>>, // nested: export to import
    lifts: HashMap<(String, String), Lift>,
}

impl Walk {
    fn component(&mut self, wasm: &[u8]) -> Option<()> {
        let mut parser = Parser::new(0).parse_all(wasm);
        while let Some(payload) = parser.next() {
            match payload.ok()? {
                Payload::ModuleSection { unchecked_range, .. } => {
                    if self.module.replace(unchecked_range).is_some() {
                        return None;
                    }
                    skip(&mut parser)?;
                }
                Payload::ComponentSection { .. } => {
                    self.components.push(passed_on(&mut parser)?);
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        self.instances += 1;
                        match instance.ok()? {
                            Instance::Instantiate { args, .. }
                                if args.is_empty() => {}
                            _ => return None,
                        }
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    for canonical in section {
                        self.canonical(canonical.ok()?)?;
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section {
                        self.alias(alias.ok()?)?;
                    }
                }
                Payload::ComponentImportSection(section) => {
                    for import in section {
                        match import.ok()?.ty {
                            ComponentTypeRef::Type(_) => {}
                            ComponentTypeRef::Instance(_) => {
                                self.component_instances.push(HashMap::new());
                            }
                            _ => return None,
                        }
                    }
                }
                Payload::ComponentInstanceSection(section) => {
                    for instance in section {
                        self.instance(instance.ok()?)?;
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        self.export(export.ok()?)?;
                    }
                }
                Payload::ComponentStartSection { .. } => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn canonical(&mut self, canonical: CanonicalFunction) -> Option<()> {
        match canonical {
            CanonicalFunction::Lift { core_func_index, options, .. } => {
                let lift = self.lift(core_func_index, &options);
                self.functions.push(lift);
                Some(())
            }
            _ => None, // a core function made by the host
        }
    }

    fn lift(&self, core: u32, options: &[CanonicalOption]) -> Function {
        let name = |index: u32| {
            self.core_functions.get(index as usize).cloned().flatten()
        };
        let mut lift = Lift { export: name(core)?, realloc: None, post: None };
        for option in options {
            match option {
                CanonicalOption::UTF8 | CanonicalOption::Memory(_) => {}
                CanonicalOption::Realloc(index) => {
                    lift.realloc = Some(name(*index)?);
                }
                CanonicalOption::PostReturn(index) => {
                    lift.post = Some(name(*index)?);
                }
                _ => return None,
            }
        }
        Some(lift)
    }

    fn alias(&mut self, alias: ComponentAlias) -> Option<()> {
        match alias {
            ComponentAlias::CoreInstanceExport { kind, name, .. } => {
                if kind == ExternalKind::Func {
                    self.core_functions.push(Some(name.to_string()));
                }
            }
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                match kind {
                    ComponentExternalKind::Func => {
                        let of = instance_index as usize;
                        let found = self.component_instances.get(of)?;
                        let lift = found.get(name).cloned().flatten();
                        self.functions.push(lift);
                    }
                    ComponentExternalKind::Type => {}
                    _ => return None,
                }
            }
            ComponentAlias::Outer { .. } => {}
        }
        Some(())
    }

    fn instance(&mut self, instance: ComponentInstance) -> Option<()> {
        let mut exports = HashMap::new();
        match instance {
            ComponentInstance::FromExports(list) => {
                for export in &list {
                    if export.kind == ComponentExternalKind::Func {
                        let lift = self.functions.get(export.index as usize)?;
                        exports.insert(export.name.name.into(), lift.clone());
                    }
                }
            }
            ComponentInstance::Instantiate { component_index, args } => {
                let nested = self.components.get(component_index as usize)?;
                for (name, import) in nested {
                    let arg = args.iter().find(|arg| arg.name == import)?;
                    let lift = self.functions.get(arg.index as usize)?;
                    exports.insert(name.clone(), lift.clone());
                }
            }
        }
        self.component_instances.push(exports);
        Some(())
    }

    fn export(&mut self, export: wasmparser::ComponentExport) -> Option<()> {
        let name = export.name.name.to_string();
        let index = export.index as usize;
        match export.kind {
            ComponentExternalKind::Func => {
                let lift = self.functions.get(index)?.clone();
                if let Some(lift) = &lift {
                    self.lifts.insert((String::new(), name), lift.clone());
                }
                self.functions.push(lift); // an export is an item of its own
            }
            ComponentExternalKind::Instance => {
                let exports = self.component_instances.get(index)?.clone();
                for (function, lift) in &exports {
                    if let Some(lift) = lift {
                        let key = (name.clone(), function.clone());
                        self.lifts.insert(key, lift.clone());
                    }
                }
                self.component_instances.push(exports);
            }
            _ => {}
        }
        Some(())
    }
}

type Payloads<'a, I> = &'a mut I;

/// Passes over a nested module or component.
fn skip<'a>(
    parser: Payloads<impl Iterator<Item = wasmparser::Result<Payload<'a>>>>,
) -> Option<()> {
    let mut depth = 1;
    while depth > 0 {
        match parser.next()?.ok()? {
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection { .. }
            | Payload::ComponentSection { .. } => depth += 1,
            _ => {}
        }
    }
    Some(())
}

/// A nested component that only passes functions on, as wit-component makes
/// for an exported interface: which import each exported function is.
fn passed_on<'a>(
    parser: Payloads<impl Iterator<Item = wasmparser::Result<Payload<'a>>>>,
) -> Option<HashMap<String, String>> {
    let mut functions: Vec<String> = Vec::new(); // imports, by index
    let mut exports = HashMap::new();
    loop {
        match parser.next()?.ok()? {
            Payload::End(_) => return Some(exports),
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.ok()?;
                    match import.ty {
                        ComponentTypeRef::Func(_) => {
                            functions.push(import.name.name.to_string());
                        }
                        ComponentTypeRef::Type(_) => {}
                        _ => return None,
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    if export.kind == ComponentExternalKind::Func {
                        let import =
                            functions.get(export.index as usize)?.clone();
                        let name = export.name.name.to_string();
                        exports.insert(name, import.clone());
                        functions.push(import);
                    }
                }
            }
            Payload::Version { .. }
            | Payload::ComponentTypeSection(_)
            | Payload::CustomSection(_) => {}
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    match alias.ok()? {
                        ComponentAlias::Outer { .. } => {}
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
    }
}

/// Functions a component may import; engine calls answer them (component.rs).
pub fn is_offered(module: &str, name: &str) -> bool {
    let (interface, version) = module.split_once('@').unwrap_or((module, ""));
    match (interface, name) {
        ("wasi:logging/logging", "log") => true,
        ("homestar:host/helpers", "print" | "get-current-time") => {
            version == "0.1.1"
        }
        ("ipvm:content/types", name) => {
            version == "1.0.0" && content::has(name)
        }
        _ => false,
    }
}

/// What to use instead of what is not offered.
const INSTEAD: [(&str, &str); 10] = [
    (
        "ipvm:content/",
        "ipvm:content/types@1.0.0 has open, and kind, size, read, entries, \
         find of a blob",
    ),
    (
        "wasi:clocks/",
        "the pure world has no clock: pass the time as an argument",
    ),
    (
        "wasi:random/",
        "the pure world has no chance: pass a seed as an argument",
    ),
    ("wasi:filesystem/", "pass files as arguments, as bytes or links"),
    ("wasi:http/", "fetch in a task of its own and pass its result"),
    ("wasi:sockets/", "fetch in a task of its own and pass its result"),
    (
        "wasi:cli/",
        "build without it (--stub-wasi), log by wasi:logging/logging",
    ),
    ("wasi:io/", "build without it (--stub-wasi), log by wasi:logging/logging"),
    ("wasi:logging/", "its function is log"),
    (
        "homestar:host/",
        "homestar:host/helpers@0.1.1 has print and get-current-time",
    ),
];

pub fn refuse_import(module: &str, name: &str) -> Option<Refusal> {
    if is_offered(module, name) {
        return None;
    }
    let known = INSTEAD.iter().find(|(start, _)| module.starts_with(start));
    let instead = known.map_or("pass it as an argument", |(_, text)| text);
    let text =
        format!("it imports {module} {name}, which is not offered: {instead}");
    Some(Refusal("refused/import", text))
}
