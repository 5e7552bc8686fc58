// SPDX-License-Identifier: Apache-2.0
//! One look at a module's bytes: docs/formats/module-description.md.

use crate::cbor::Item;
use crate::content;
use crate::core_module::CoreModule;
use crate::describe_component as component;
use crate::describe_types::TypeTable;
use crate::door::*;
use crate::profile;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::{Encoding, FuncType, ValType};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Mangling, Resolve, WorldId, WorldItem};

const FORMAT: u64 = 2;
const FUNCTIONS_MAX: usize = 4_096;
const WORLD_MAX: usize = 64 << 10; // bytes of text

#[unsafe(no_mangle)]
unsafe extern "C" fn ipvm_describe(
    wasm: View,
    take: Take,
    context: *mut c_void,
    err: *mut CError,
) -> u32 {
    status(err, || {
        let mut out = Vec::new();
        describe(wasm.bytes()).encode(&mut out);
        unsafe { take(context, View::of(&out)) };
        Ok(())
    })
}

/// A refusal: its stable name and the sentence.
pub struct Refusal(pub &'static str, pub String);

pub fn refused<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal("refused/module", message.into()))
}

fn because(error: impl std::fmt::Display) -> Refusal {
    Refusal("refused/module", error.to_string())
}

/// What is found on the way; a refusal keeps what is known.
struct Description {
    kind: &'static str,
    fields: Vec<(&'static str, Item)>,
}

fn describe(wasm: &[u8]) -> Item {
    let mut found = Description { kind: "core", fields: Vec::new() };
    let looked = catch_unwind(AssertUnwindSafe(|| found.look(wasm)));
    let looked = looked.unwrap_or_else(|_| {
        refused("the tools that read modules failed on this one")
    });
    let mut fields = found.fields;
    fields.push(("format", Item::Int(FORMAT)));
    fields.push(("kind", Item::text(found.kind)));
    if let Err(Refusal(name, message)) = looked {
        let body = vec![
            ("name", Item::text(name)),
            ("message", Item::text(message.replace('\n', " "))),
        ];
        fields.push(("refused", Item::Map(body)));
    }
    for (key, empty) in [
        ("imports", Item::List(Vec::new())),
        ("types", Item::List(Vec::new())),
        ("functions", Item::List(Vec::new())),
        ("memory", Item::Bool(false)),
        ("initialize", Item::Bool(false)),
    ] {
        if !fields.iter().any(|(known, _)| *known == key) {
            fields.push((key, empty));
        }
    }
    Item::Map(fields)
}

impl Description {
    fn look(&mut self, wasm: &[u8]) -> Result<(), Refusal> {
        let encoding = profile::check(wasm).map_err(|failure| {
            let place = match failure.offset {
                Some(offset) => format!(" at byte {offset}"),
                None => String::new(),
            };
            Refusal("refused/module", failure.message + &place)
        })?;
        match encoding {
            Encoding::Component => {
                self.kind = "component";
                self.component(wasm)
            }
            Encoding::Module => {
                let core = CoreModule::read(wasm).map_err(because)?;
                self.set("memory", Item::Bool(core.exports_memory));
                let initialize = core.has("_initialize", &[], &[]);
                self.set("initialize", Item::Bool(initialize));
                self.core_imports(&core)?;
                self.core(wasm, &core)
            }
        }
    }

    fn set(&mut self, key: &'static str, item: Item) {
        self.fields.push((key, item));
    }

    fn core_imports(&mut self, core: &CoreModule) -> Result<(), Refusal> {
        let mut list = Vec::new();
        let mut wrong = None;
        for import in &core.imports {
            let Some(ty) = &import.ty else {
                wrong = wrong.or(Some(import));
                continue;
            };
            list.push(Item::Map(vec![
                ("module", Item::text(&import.module)),
                ("name", Item::text(&import.name)),
                ("params", val_types(ty.params())),
                ("results", val_types(ty.results())),
            ]));
        }
        self.set("imports", Item::List(list));
        match wrong {
            None => Ok(()),
            Some(import) => Err(Refusal(
                "refused/import",
                format!(
                    "it imports the {} {} {}: only functions can be \
                     imported, let the module define it",
                    import.kind, import.module, import.name
                ),
            )),
        }
    }

    fn core(&mut self, wasm: &[u8], core: &CoreModule) -> Result<(), Refusal> {
        if core.has_component_type {
            self.kind = "wit";
            return self.wit(wasm, core);
        }
        let alloc = core.has("ipvm_alloc", &[ValType::I32], &[ValType::I32]);
        if core.exports_memory && alloc {
            self.kind = "ipvm";
            return self.ipvm(core);
        }
        self.numbers(core)
    }

    /// Kind 3.
    fn ipvm(&mut self, core: &CoreModule) -> Result<(), Refusal> {
        let mut list = Vec::new();
        for (name, ty) in &core.exports {
            if ty.params() == [ValType::I32, ValType::I32]
                && ty.results() == [ValType::I64]
            {
                list.push(Item::Map(vec![
                    ("name", Item::text(name)),
                    ("params", Item::List(Vec::new())),
                ]));
            }
        }
        self.functions(list)
    }

    /// Kind 4.
    fn numbers(&mut self, core: &CoreModule) -> Result<(), Refusal> {
        let mut types: Vec<&str> = Vec::new();
        let mut list = Vec::new();
        for (name, ty) in &core.exports {
            if name == "_initialize" && core.has(name, &[], &[]) {
                continue;
            }
            list.push(number_function(name, ty, &mut types));
        }
        let table = types.into_iter().map(|name| match name {
            "s32" | "s64" | "f32" | "f64" => Item::text(name),
            _ => Item::Map(vec![("unsupported", Item::text(name))]),
        });
        self.set("types", Item::List(table.collect()));
        self.functions(list)
    }

    fn functions(&mut self, list: Vec<Item>) -> Result<(), Refusal> {
        if list.is_empty() {
            return refused("it exports no function that could be called");
        }
        if list.len() > FUNCTIONS_MAX {
            return refused(format!("more than {FUNCTIONS_MAX} functions"));
        }
        self.set("functions", Item::List(list));
        Ok(())
    }

    /// Kind 2: means the component that wit-component makes of it.
    fn wit(&mut self, wasm: &[u8], core: &CoreModule) -> Result<(), Refusal> {
        let (_, bindgen) =
            wit_component::metadata::decode(wasm).map_err(causes)?;
        // The encoder knows no preview1 of its own; ours is answered in C.
        let preview1 = |i: &crate::core_module::Import| {
            i.module == "wasi_snapshot_preview1"
        };
        if !core.imports.iter().any(preview1) {
            wit_component::ComponentEncoder::default()
                .module(wasm)
                .and_then(|encoder| encoder.validate(true).encode())
                .map_err(causes)?;
        }
        let resolve = &bindgen.resolve;
        for (key, item) in &resolve.worlds[bindgen.world].imports {
            check_content(resolve, &resolve.name_world_key(key), item)?;
        }
        self.world(&bindgen.resolve, bindgen.world, |key, function| {
            core_of_wit(core, &bindgen.resolve, key, function).map(Some)
        })
    }

    /// Kind 1.
    fn component(&mut self, wasm: &[u8]) -> Result<(), Refusal> {
        let decoded = wit_parser::decoding::decode(wasm).map_err(causes)?;
        let wit_parser::decoding::DecodedWasm::Component(resolve, world) =
            decoded
        else {
            return refused("it is a WIT package: it has types and no code");
        };
        let single = component::Single::find(wasm);
        if let Some(single) = &single {
            let range = vec![
                ("offset", Item::Int(single.module.start as u64)),
                ("length", Item::Int(single.module.len() as u64)),
            ];
            self.set("core", Item::Map(range));
            self.set("memory", Item::Bool(single.exports_memory));
        }
        self.component_imports(&resolve, world)?;
        self.world(&resolve, world, |key, function| {
            let lift =
                single.as_ref().and_then(|s| s.lift(key, &function.name));
            Ok(lift.map(core_item))
        })
    }

    fn component_imports(
        &mut self,
        resolve: &Resolve,
        world: WorldId,
    ) -> Result<(), Refusal> {
        let mut list = Vec::new();
        let mut refusal = None;
        for (key, item) in &resolve.worlds[world].imports {
            let key = resolve.name_world_key(key);
            let misfit = check_content(resolve, &key, item);
            refusal = refusal.or(misfit.err());
            let functions: Vec<&Function> = match item {
                WorldItem::Interface { id, .. } => {
                    resolve.interfaces[*id].functions.values().collect()
                }
                WorldItem::Function(function) => vec![function],
                WorldItem::Type { .. } => Vec::new(),
            };
            let is_interface = matches!(item, WorldItem::Interface { .. });
            let module = if is_interface { key.as_str() } else { "" };
            for function in functions {
                refusal = refusal
                    .or(component::refuse_import(module, &function.name));
                list.push(Item::Map(vec![
                    ("module", Item::text(module)),
                    ("name", Item::text(&function.name)),
                    ("params", Item::List(Vec::new())),
                    ("results", Item::List(Vec::new())),
                ]));
            }
        }
        self.set("imports", Item::List(list));
        refusal.map_or(Ok(()), Err)
    }

    /// The exported functions of a world; `core` says how to call one.
    fn world(
        &mut self,
        resolve: &Resolve,
        world: WorldId,
        core: impl Fn(Option<&str>, &Function) -> Result<Option<Item>, Refusal>,
    ) -> Result<(), Refusal> {
        let mut types = TypeTable::new(resolve);
        let mut list = Vec::new();
        for (key, item) in &resolve.worlds[world].exports {
            let key = resolve.name_world_key(key);
            if key.starts_with("ipvm:content/") {
                let text = "it exports ipvm:content, which is the host's";
                return refused(text);
            }
            match item {
                WorldItem::Function(function) => {
                    let core = core(None, function)?;
                    list.push(wit_function(None, function, core, &mut types)?);
                }
                WorldItem::Interface { id, .. } => {
                    let interface = &resolve.interfaces[*id];
                    for function in interface.functions.values() {
                        let key = Some(key.as_str());
                        let core = core(key, function)?;
                        let item =
                            wit_function(key, function, core, &mut types)?;
                        list.push(item);
                    }
                }
                WorldItem::Type { .. } => {}
            }
        }
        self.set("types", Item::List(types.items));
        self.set("world", Item::text(world_text(resolve, world)));
        self.functions(list)
    }
}

/// Refuses imports of ipvm:content with other types than its own.
fn check_content(
    resolve: &Resolve,
    key: &str,
    item: &WorldItem,
) -> Result<(), Refusal> {
    match content::misfit(resolve, key, item) {
        None => Ok(()),
        Some(name) => Err(Refusal(
            "refused/import",
            format!(
                "it imports {key} {name} with other types than it has: take \
                 them from guest/wit/ipvm-content.wit"
            ),
        )),
    }
}

fn causes(error: impl std::fmt::Display) -> Refusal {
    Refusal("refused/module", format!("{error:#}"))
}

fn wit_function(
    key: Option<&str>,
    function: &Function,
    core: Option<Item>,
    types: &mut TypeTable,
) -> Result<Item, Refusal> {
    let name = match key {
        Some(key) => format!("{key}#{}", function.name),
        None => function.name.clone(),
    };
    let mut params = Vec::new();
    for param in &function.params {
        let index = types.index(&param.ty).map_err(because)?;
        params.push(Item::List(vec![Item::text(&param.name), index]));
    }
    let mut fields =
        vec![("name", Item::text(name)), ("params", Item::List(params))];
    if let Some(result) = &function.result {
        fields.push(("result", types.index(result).map_err(because)?));
    }
    if let Some(core) = core {
        fields.push(("core", core));
    }
    Ok(Item::Map(fields))
}

/// How a function of kind 2 is called, after the names wit-component knows.
fn core_of_wit(
    core: &CoreModule,
    resolve: &Resolve,
    key: Option<&str>,
    function: &Function,
) -> Result<Item, Refusal> {
    let legacy = function.core_export_name(key, Mangling::Legacy);
    let standard = function.core_export_name(key, Mangling::Standard32);
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
    let params: Vec<ValType> = signature.params.iter().map(val_type).collect();
    let results: Vec<ValType> =
        signature.results.iter().map(val_type).collect();
    let is_legacy = core.export(&legacy).is_some();
    let (name, post, realloc) = match is_legacy {
        true => (&legacy, format!("cabi_post_{legacy}"), "cabi_realloc"),
        false => (&standard, format!("{standard}_post"), "cm32p2_realloc"),
    };
    if !core.has(name, &params, &results) {
        return refused(format!(
            "its world promises {legacy}, but it exports no core function \
             of that name and signature"
        ));
    }
    let has = |name: &str| core.export(name).map(|_| name.to_string());
    Ok(core_item(component::Lift {
        export: name.to_string(),
        realloc: has("cabi_export_realloc").or(has(realloc)),
        post: has(&post),
    }))
}

fn core_item(lift: component::Lift) -> Item {
    let mut fields = vec![
        ("export", Item::text(lift.export)),
        ("encoding", Item::text("utf8")),
    ];
    if let Some(name) = lift.realloc {
        fields.push(("realloc", Item::text(name)));
    }
    if let Some(name) = lift.post {
        fields.push(("post", Item::text(name)));
    }
    Item::Map(fields)
}

fn world_text(resolve: &Resolve, world: WorldId) -> String {
    let mut printer = wit_component::WitPrinter::default();
    let Some(package) = resolve.worlds[world].package else {
        return String::new();
    };
    if printer.print(resolve, package, &[]).is_err() {
        return String::new();
    }
    let text: String = printer.output.into();
    if text.len() > WORLD_MAX { String::new() } else { text }
}

fn number_function<'a>(
    name: &str,
    ty: &FuncType,
    types: &mut Vec<&'a str>,
) -> Item {
    let mut index = |name: &'a str| -> Item {
        let known = types.iter().position(|known| *known == name);
        let at = known.unwrap_or_else(|| {
            types.push(name);
            types.len() - 1
        });
        Item::Int(at as u64)
    };
    let params = ty.params().iter().enumerate().map(|(i, ty)| {
        let name = Item::text(format!("p{i}"));
        Item::List(vec![name, index(number_type(ty))])
    });
    let mut fields = vec![
        ("name", Item::text(name)),
        ("params", Item::List(params.collect())),
    ];
    match ty.results() {
        [] => {}
        [one] => fields.push(("result", index(number_type(one)))),
        _ => fields.push(("result", index("several results"))),
    }
    Item::Map(fields)
}

fn number_type(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "s32",
        ValType::I64 => "s64",
        ValType::F32 => "f32",
        ValType::F64 => "f64",
        ValType::V128 => "v128",
        ValType::Ref(_) => "reference",
    }
}

fn val_types(types: &[ValType]) -> Item {
    Item::List(types.iter().map(|ty| Item::text(ty.to_string())).collect())
}

fn val_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        _ => ValType::I32,
    }
}
