// SPDX-License-Identifier: Apache-2.0
//! Wasmtime: the engine that runs.
//!
//! Everything an instance needs is prepared when the engine is opened (pools)
//! and when a module is first instantiated (`Prepared`), so that a run costs
//! a few microseconds and no system call.

use crate::budget::{Budget, TABLE_MAX};
use crate::door::{Memory as View, Table, *};
use crate::{component, float, profile};
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, OnceLock};
use wasmparser::Encoding;
use wasmtime::{Memory, *};

/// Memory a pool slot keeps between runs: zeroed by memset, not by the kernel.
const KEEP_RESIDENT: usize = 128 << 10;
/// Components have several memories and tables each.
const COMPONENT_MEMORIES: u32 = 16;
const FORMAT: u32 = 2; // of artifacts, raised when the settings below change

#[unsafe(no_mangle)]
static ipvm_engine_wasmtime: Table = Table::of::<Wasmtime>();

pub struct Wasmtime {
    engine: Engine,
    // Opened when the first component comes. Memories are filled by copying:
    // a memory image of a component would need a file made in the sandbox.
    components: OnceLock<Engine>,
    options: Options,
}

pub enum Loaded {
    Core(CoreModule),
    Component(component::Loaded),
}

pub struct CoreModule {
    module: Module,
    meter: u32,
    memory: Option<String>, // the export that is the memory
    prepared: Mutex<Option<Arc<Prepared>>>,
}

/// A module with its imports resolved, and what they were resolved to.
struct Prepared {
    pre: InstancePre<State>,
    used: Vec<Used>,
}

struct Used {
    index: usize, // in the list of imports
    module: String,
    name: String,
    function: HostFunction,
}

/// What a store carries.
struct State {
    budget: Budget,
    host: Host,
    instance: *mut CoreInstance,
}

unsafe impl Send for State {}

pub struct CoreInstance {
    store: Store<State>,
    caller: Option<StoreContextMut<'static, State>>, // while an import runs
    instance: Option<Instance>, // None until the start function returned
    memory_name: Option<String>,
    memory: Option<Memory>,
    functions: Vec<Function>,
    fuel: u64, // at the start; 0 without METER_FUEL
}

#[derive(Clone, Copy)]
struct Function {
    func: Func,
    param_count: usize,
    result_count: usize,
    narrow: u32, // bit i: result i has 32 bits
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.memory(current, desired, maximum).map_err(Error::new)
    }

    // Asked only after memory_growing() said yes: the profile has no pages of
    // one byte, the one case that Wasmtime refuses by itself.
    fn memory_grow_failed(&mut self, _error: Error) -> Result<()> {
        Err(Error::new(self.refuse()))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.table(current, desired, maximum).map_err(Error::new)
    }

    fn table_grow_failed(&mut self, _error: Error) -> Result<()> {
        Err(Error::new(self.refuse()))
    }
}

fn configuration(meter: u32) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(meter == METER_FUEL)
        .epoch_interruption(meter == METER_EPOCH)
        .max_wasm_stack(profile::STACK_MAX)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_reservation(4 << 30)
        .memory_may_move(false)
        .signals_based_traps(true)
        .native_unwind_info(false)
        .wasm_component_model(true);
    // Exactly the profile: what check() refuses is off here as well.
    let profile = profile::features();
    config.wasm_features(WasmFeatures::WASM3 - profile, false);
    config.wasm_features(profile, true);
    config
}

fn pools(slots: u32) -> PoolingAllocationConfig {
    let slots = slots.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots + profile::CORE_INSTANCES_MAX)
        .total_component_instances(slots)
        .total_memories(slots + COMPONENT_MEMORIES)
        .total_tables(slots + profile::TABLES_MAX)
        .total_gc_heaps(slots)
        .max_memories_per_module(1)
        .max_memories_per_component(COMPONENT_MEMORIES)
        .max_tables_per_module(profile::TABLES_MAX)
        .max_tables_per_component(profile::TABLES_MAX)
        .max_core_instances_per_component(profile::CORE_INSTANCES_MAX)
        .max_core_instance_size(16 << 20)
        .max_component_instance_size(16 << 20)
        .max_memory_size(4 << 30)
        .table_elements(TABLE_MAX)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(slots);
    pool
}

impl Backend for Wasmtime {
    type Module = Loaded;
    type Instance = CoreInstance;

    fn identity(options: &Options) -> String {
        let meter = match options.meter {
            METER_FUEL => "fuel",
            METER_EPOCH => "epoch",
            _ => "none",
        };
        format!(
            "wasmtime {} det/1 meter={meter} format={FORMAT} cpu={}",
            profile::version_of("wasmtime"),
            float::cpu_features()
        )
    }

    fn open(options: &Options) -> Result<Wasmtime, Failure> {
        if !float::cpu_is_able() {
            let text = "this CPU lacks SSE4.1, which the profile needs";
            return Err(Failure::new(UNSUPPORTED, text));
        }
        let engine = open(options, true)?;
        // Signal handlers and per-thread state now, not in the first run.
        Engine::tls_eager_initialize();
        drop(Store::new(&engine, ()));
        let options = Options { ..*options };
        Ok(Wasmtime { engine, components: OnceLock::new(), options })
    }

    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
        let artifact = match profile::check(wasm)? {
            Encoding::Module => self.engine.precompile_module(wasm),
            Encoding::Component => {
                self.component_engine()?.precompile_component(wasm)
            }
        };
        let artifact =
            artifact.map_err(|e| Failure::new(INVALID, format!("{e:#}")))?;
        // What does not fit the pools is found here, not when it is loaded.
        unsafe { self.load(&artifact, -1) }
            .map_err(|failure| Failure::new(LIMIT, failure.message))?;
        Ok(artifact)
    }

    unsafe fn load(
        &self,
        artifact: &[u8],
        file: c_int,
    ) -> Result<Loaded, Failure> {
        let corrupt = |e| Failure::new(CORRUPT, format!("artifact: {e:#}"));
        match Engine::detect_precompiled(artifact) {
            Some(Precompiled::Module) => {
                let module = unsafe { self.load_core(artifact, file) }
                    .map_err(corrupt)?;
                Ok(Loaded::Core(CoreModule {
                    memory: memory_name(&module),
                    module,
                    meter: self.options.meter,
                    prepared: Mutex::new(None),
                }))
            }
            Some(Precompiled::Component) => {
                let engine = self.component_engine()?;
                let meter = self.options.meter;
                let loaded = unsafe {
                    component::Loaded::new(engine, artifact, meter)
                };
                Ok(Loaded::Component(loaded.map_err(corrupt)?))
            }
            None => Err(Failure::new(CORRUPT, "these bytes are no artifact")),
        }
    }

    fn interrupt(&self) {
        self.engine.increment_epoch();
        if let Some(engine) = self.components.get() {
            engine.increment_epoch();
        }
    }

    fn is_component(module: &Loaded) -> bool {
        matches!(module, Loaded::Component(_))
    }

    fn instantiate(
        module: &Loaded,
        imports: &[Import],
        host: Host,
        limits: &Limits,
        out: *mut *mut CoreInstance,
    ) -> Result<(), Fault> {
        let Loaded::Core(core) = module else {
            return Err(Fault::broken("a component is not a core module"));
        };
        let prepared = core
            .prepare(imports)
            .map_err(|e| Fault::broken(format!("{e:#}")))?;
        let instance = Box::into_raw(core.allot(host, limits)?);
        unsafe { *out = instance };
        match unsafe { start(instance, &prepared.pre) } {
            Ok(()) => Ok(()),
            Err(fault) => unsafe {
                *out = std::ptr::null_mut();
                drop(Box::from_raw(instance));
                Err(fault)
            },
        }
    }

    fn call_component(
        module: &Loaded,
        name: &str,
        args: &[u8],
        limits: &Limits,
        host: &ComponentHost,
    ) -> Result<Vec<u8>, Fault> {
        match module {
            Loaded::Component(loaded) => loaded.call(name, args, limits, host),
            Loaded::Core(_) => {
                Err(Fault::broken("a core module is not a component"))
            }
        }
    }

    unsafe fn find(instance: *mut CoreInstance, name: &str) -> Option<u32> {
        let this = unsafe { &mut *instance };
        let inner = this.instance?;
        let mut store = this.store();
        let func = inner.get_func(&mut store, name)?;
        let ty = func.ty(&store);
        let mut function = Function {
            func,
            param_count: ty.params().len(),
            result_count: ty.results().len(),
            narrow: 0,
        };
        let count = function.param_count.max(function.result_count);
        let numeric = ty.params().chain(ty.results()).all(|ty| ty.is_num());
        if !numeric || count > PARAMS_MAX {
            return None; // never in a call of ours
        }
        for (i, ty) in ty.results().enumerate() {
            let narrow = matches!(ty, ValType::I32 | ValType::F32);
            function.narrow |= (narrow as u32) << i;
        }
        this.functions.push(function);
        Some(this.functions.len() as u32 - 1)
    }

    unsafe fn call(
        instance: *mut CoreInstance,
        function: u32,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<(), Fault> {
        let this = unsafe { &mut *instance };
        let function = this.functions[function as usize];
        if function.param_count != params.len()
            || function.result_count != results.len()
        {
            return Err(Fault::broken("a call with the wrong counts"));
        }
        let mut space = [MaybeUninit::<ValRaw>::uninit(); PARAMS_MAX];
        for (raw, param) in space.iter_mut().zip(params) {
            raw.write(ValRaw::u64(*param));
        }
        let used = params.len().max(results.len());
        let raws = std::ptr::slice_from_raw_parts_mut(
            space.as_mut_ptr().cast::<ValRaw>(),
            used,
        );
        let called =
            unsafe { function.func.call_unchecked(this.store(), raws) };
        if let Err(error) = called {
            let this = unsafe { &mut *instance };
            return Err(fault(&this.store.data().budget, &error));
        }
        for (i, (result, raw)) in results.iter_mut().zip(space).enumerate() {
            *result = unsafe { raw.assume_init() }.get_u64();
            if function.narrow >> i & 1 != 0 {
                *result &= u32::MAX as u64;
            }
        }
        Ok(())
    }

    unsafe fn memory(instance: *mut CoreInstance) -> View {
        let this = unsafe { &mut *instance };
        if this.memory.is_none()
            && let (Some(inner), Some(name)) =
                (this.instance, this.memory_name.clone())
        {
            this.memory = inner.get_memory(this.store(), &name);
        }
        match this.memory {
            None => View { data: std::ptr::null_mut(), len: 0 },
            Some(memory) => {
                let store = this.store();
                View {
                    data: memory.data_ptr(&store),
                    len: memory.data_size(&store),
                }
            }
        }
    }

    unsafe fn fuel_used(instance: *mut CoreInstance) -> u64 {
        let this = unsafe { &mut *instance };
        match this.fuel {
            0 => 0,
            fuel => fuel - this.store().get_fuel().unwrap_or(fuel),
        }
    }

    unsafe fn memory_peak(instance: *mut CoreInstance) -> u64 {
        unsafe { &mut *instance }.store.data().budget.peak
    }
}

fn open(options: &Options, images: bool) -> Result<Engine, Failure> {
    let mut config = configuration(options.meter);
    config.memory_init_cow(images);
    config.allocation_strategy(pools(options.slots));
    Engine::new(&config)
        .map_err(|e| Failure::new(HOST, format!("wasmtime: {e:#}")))
}

impl Wasmtime {
    fn component_engine(&self) -> Result<&Engine, Failure> {
        if let Some(engine) = self.components.get() {
            return Ok(engine);
        }
        let engine = open(&self.options, false)?;
        Ok(self.components.get_or_init(|| engine))
    }

    unsafe fn load_core(&self, artifact: &[u8], file: c_int) -> Result<Module> {
        if file < 0 {
            return unsafe { Module::deserialize(&self.engine, artifact) };
        }
        let file = unsafe { BorrowedFd::borrow_raw(file) };
        let own = file.try_clone_to_owned()?;
        unsafe { Module::deserialize_open_file(&self.engine, own.into()) }
    }
}

impl CoreInstance {
    /// The store, by way of the import that is running if one is.
    fn store(&mut self) -> StoreContextMut<'_, State> {
        match &mut self.caller {
            Some(caller) => caller.as_context_mut(),
            None => self.store.as_context_mut(),
        }
    }
}

/// Export that is the memory: "memory", or the only one.
fn memory_name(module: &Module) -> Option<String> {
    let memories = || module.exports().filter(|e| e.ty().memory().is_some());
    let named = memories().find(|e| e.name() == "memory");
    let found = named.or_else(|| match memories().count() {
        1 => memories().next(),
        _ => None,
    });
    found.map(|e| e.name().to_string())
}

impl CoreModule {
    /// The module with `imports` linked; the last linking is kept.
    fn prepare(&self, imports: &[Import]) -> Result<Arc<Prepared>> {
        let mut kept = self.prepared.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(prepared) = kept.as_ref()
            && prepared.used.iter().all(|used| used.is_in(imports))
        {
            return Ok(prepared.clone());
        }
        let prepared = Arc::new(self.link(imports)?);
        *kept = Some(prepared.clone());
        Ok(prepared)
    }

    fn link(&self, imports: &[Import]) -> Result<Prepared> {
        let mut linker = Linker::new(self.module.engine());
        let mut used: Vec<Used> = Vec::new();
        for import in self.module.imports() {
            let (module, name) = (import.module(), import.name());
            if used.iter().any(|u| u.module == module && u.name == name) {
                continue; // a module may import a thing twice
            }
            let found = imports.iter().position(|i| {
                i.module.text() == module && i.name.text() == name
            });
            let Some(index) = found else {
                bail!("import {module} {name} is not offered");
            };
            let offered = &imports[index];
            define(&mut linker, module, name, offered)?;
            used.push(Used {
                index,
                module: module.to_string(),
                name: name.to_string(),
                function: offered.function,
            });
        }
        let pre = linker.instantiate_pre(&self.module)?;
        Ok(Prepared { pre, used })
    }

    /// An instance that guest code has not run in.
    fn allot(
        &self,
        host: Host,
        limits: &Limits,
    ) -> Result<Box<CoreInstance>, Fault> {
        let state = State {
            budget: Budget::new(limits.memory_max),
            host,
            instance: std::ptr::null_mut(),
        };
        let mut store = Store::new(self.module.engine(), state);
        store.limiter(|state| &mut state.budget);
        let fuel = meter(&mut store, self.meter, limits)?;
        let mut instance = Box::new(CoreInstance {
            store,
            caller: None,
            instance: None,
            memory_name: self.memory.clone(),
            memory: None,
            functions: Vec::new(),
            fuel,
        });
        instance.store.data_mut().instance = &mut *instance;
        Ok(instance)
    }
}

/// Sets fuel and epoch deadline; the fuel it starts with, or 0.
pub fn meter<T>(
    store: &mut Store<T>,
    meter: u32,
    limits: &Limits,
) -> Result<u64, Fault> {
    match meter {
        METER_FUEL => {
            let none = limits.fuel_max == 0;
            let fuel = if none { u64::MAX } else { limits.fuel_max };
            store
                .set_fuel(fuel)
                .map_err(|e| Fault::broken(format!("{e:#}")))?;
            Ok(fuel)
        }
        METER_EPOCH => {
            store.set_epoch_deadline(1);
            Ok(0)
        }
        _ => Ok(0),
    }
}

unsafe fn start(
    instance: *mut CoreInstance,
    pre: &InstancePre<State>,
) -> Result<(), Fault> {
    let store = unsafe { &mut (*instance).store };
    match pre.instantiate(store) {
        Ok(inner) => unsafe { (*instance).instance = Some(inner) },
        Err(error) => {
            let state = unsafe { (*instance).store.data() };
            return Err(fault(&state.budget, &error));
        }
    }
    Ok(())
}

impl Used {
    fn is_in(&self, imports: &[Import]) -> bool {
        imports.get(self.index).is_some_and(|import| {
            std::ptr::fn_addr_eq(import.function, self.function)
                && import.module.bytes() == self.module.as_bytes()
                && import.name.bytes() == self.name.as_bytes()
        })
    }
}

fn define(
    linker: &mut Linker<State>,
    module: &str,
    name: &str,
    import: &Import,
) -> Result<()> {
    let number = |ty: &u32| match ty {
        0 => Ok(ValType::I32),
        1 => Ok(ValType::I64),
        2 => Ok(ValType::F32),
        3 => Ok(ValType::F64),
        _ => bail!("import {module} {name} has a type that is no number"),
    };
    let param_count = import.param_count as usize;
    let result_count = import.result_count as usize;
    let params: Vec<ValType> = import.params[..param_count]
        .iter()
        .map(number)
        .collect::<Result<_>>()?;
    let results: Vec<ValType> = std::slice::from_ref(&import.result)
        [..result_count]
        .iter()
        .map(number)
        .collect::<Result<_>>()?;
    let narrow: Vec<bool> = params
        .iter()
        .map(|ty| matches!(ty, ValType::I32 | ValType::F32))
        .collect();
    let ty = FuncType::new(linker.engine(), params, results);
    let function = import.function;
    let body = move |caller: Caller<'_, State>,
                     space: &mut [MaybeUninit<ValRaw>]| {
        let mut params = [0; PARAMS_MAX];
        for (i, narrow) in narrow.iter().enumerate() {
            let bits = unsafe { space[i].assume_init() }.get_u64();
            params[i] = if *narrow { bits & u32::MAX as u64 } else { bits };
        }
        let mut result = [0; 1];
        enter(caller, function, &params[..narrow.len()], &mut result)?;
        if result_count != 0 {
            space[0] = MaybeUninit::new(ValRaw::u64(result[0]));
        }
        Ok(())
    };
    unsafe { linker.func_new_unchecked(module, name, ty, body) }?;
    Ok(())
}

/// Runs an import's host function, with a way back into the instance.
fn enter(
    mut caller: Caller<'_, State>,
    function: HostFunction,
    params: &[u64],
    results: &mut [u64],
) -> Result<()> {
    let State { host, instance, .. } = *caller.data();
    unsafe {
        if (*instance).instance.is_none()
            && (*instance).memory.is_none()
            && let Some(name) = (*instance).memory_name.clone()
        {
            // The start function calls: find the memory by the caller.
            let found = caller.get_export(&name);
            (*instance).memory = found.and_then(Extern::into_memory);
        }
        // The borrow ends before `caller` does: it is taken back below.
        let back = std::mem::transmute::<
            StoreContextMut<'_, State>,
            StoreContextMut<'static, State>,
        >(caller.as_context_mut());
        let before = (*instance).caller.replace(back);
        let verdict = host.call(function, params, results);
        (*instance).caller = before;
        verdict.map_err(Error::new)
    }
}

/// What an error of a run means.
pub fn fault(budget: &Budget, error: &Error) -> Fault {
    if budget.refused {
        return Fault::new(Outcome::LimitMemory, "out of memory");
    }
    if let Some(Halt::Stop) = error.downcast_ref::<Halt>() {
        return Fault::new(Outcome::Stopped, Halt::Stop.to_string());
    }
    if let Some(Halt::Trap) = error.downcast_ref::<Halt>() {
        let text = format!("{}{}", Halt::Trap, backtrace(error));
        return Fault::new(Outcome::Trapped, text);
    }
    let Some(trap) = error.downcast_ref::<Trap>() else {
        let text = format!("{error:#}");
        // The process's own bound was met before the limiter was asked.
        if text.contains("os error 12") {
            return Fault::new(Outcome::LimitMemory, "out of memory");
        }
        return Fault::broken(text);
    };
    let outcome = match trap {
        Trap::StackOverflow => Outcome::LimitStack,
        Trap::OutOfFuel => Outcome::LimitFuel,
        Trap::Interrupt => Outcome::LimitTime,
        _ => Outcome::Trapped,
    };
    let text = trap.to_string();
    let text = text.strip_prefix("wasm trap: ").unwrap_or(&text);
    Fault::new(outcome, format!("{text}{}", backtrace(error)))
}

/// " in crop, called by main, …": the frames, innermost first.
fn backtrace(error: &Error) -> String {
    const FRAMES_MAX: usize = 12;
    let mut text = String::new();
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return text;
    };
    for (i, frame) in trace.frames().iter().take(FRAMES_MAX).enumerate() {
        text.push_str(if i == 0 { " in " } else { ", called by " });
        match frame.func_name() {
            Some(name) => text.push_str(name),
            None => text.push_str(&format!("function {}", frame.func_index())),
        }
    }
    text
}
