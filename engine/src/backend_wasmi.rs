// SPDX-License-Identifier: Apache-2.0
//! wasmi: the second opinion, an interpreter. Its crate feature
//! `deterministic` makes NaNs canonical. It counts fuel always.

use crate::budget::{Budget, Refused};
use crate::door::{Memory as View, Table, *};
use crate::{profile, selects};
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmi::errors::{MemoryError, TableError};
use wasmi::{Memory, *};
use wasmi_core::LimiterError;
use wasmparser::Encoding;

const RECURSION_MAX: usize = 1 << 16; // calls
const VALUES_MAX: usize = 16 << 20; // bytes of guest values on the stack
/// Fuel between two looks at whether the run was interrupted.
const SLICE: u64 = 1 << 22;
const FORMAT: u32 = 2;

#[unsafe(no_mangle)]
static ipvm_engine_wasmi: Table = Table::of::<Wasmi>();

pub struct Wasmi {
    engine: Engine,
    meter: u32,
    interrupts: Arc<AtomicU64>,
}

pub struct Loaded {
    module: Module,
    meter: u32,
    interrupts: Arc<AtomicU64>,
    memory: Option<String>, // the export that is the memory
}

struct State {
    budget: Budget,
    host: Host,
    instance: *mut Running,
}

pub struct Running {
    store: Store<State>,
    caller: Option<StoreContextMut<'static, State>>, // while an import runs
    instance: Option<Instance>, // None until the start function returned
    memory_name: Option<String>,
    memory: Option<Memory>,
    functions: Vec<Func>,
    meter: u32,
    fuel: u64, // at the start
    interrupts: Arc<AtomicU64>,
    interrupts_seen: u64,
}

impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        self.memory(current, desired, maximum).map_err(denied)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        self.table(current, desired, maximum).map_err(denied)
    }

    fn memory_grow_failed(
        &mut self,
        e: &MemoryError,
    ) -> Result<(), LimiterError> {
        match e {
            MemoryError::OutOfFuel { .. } => Ok(()),
            _ => Err(denied(self.refuse())),
        }
    }

    fn table_grow_failed(
        &mut self,
        e: &TableError,
    ) -> Result<(), LimiterError> {
        match e {
            TableError::OutOfFuel { .. } | TableError::GrowOutOfBounds => {
                Ok(())
            }
            _ => Err(denied(self.refuse())),
        }
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        profile::TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        1
    }
}

fn denied(_: Refused) -> LimiterError {
    LimiterError::ResourceLimiterDeniedAllocation
}

impl errors::HostError for Halt {}

impl Backend for Wasmi {
    type Module = Loaded;
    type Instance = Running;

    fn identity(_options: &Options) -> String {
        let version = profile::version_of("wasmi");
        format!("wasmi {version} det/1 format={FORMAT}")
    }

    fn open(options: &Options) -> Result<Wasmi, Failure> {
        let mut config = Config::default();
        config
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(false)
            .wasm_wide_arithmetic(false)
            .wasm_relaxed_simd(false)
            .wasm_simd(true)
            .wasm_tail_call(true)
            .wasm_extended_const(true)
            .consume_fuel(true)
            .compilation_mode(match options.meter {
                // Translation costs fuel: nobody may be the first to pay.
                METER_FUEL => CompilationMode::Eager,
                _ => CompilationMode::LazyTranslation,
            })
            .ignore_custom_sections(true)
            .set_max_recursion_depth(RECURSION_MAX)
            .set_max_stack_height(VALUES_MAX);
        Ok(Wasmi {
            engine: Engine::new(&config),
            meter: options.meter,
            interrupts: Arc::new(AtomicU64::new(0)),
        })
    }

    /// The artifact is the module, known to be good and to be understood.
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, Failure> {
        match profile::check(wasm)? {
            Encoding::Module => {}
            Encoding::Component => {
                let text = "wasmi runs no components: they need wasmtime";
                return Err(Failure::new(UNSUPPORTED, text));
            }
        }
        let wasm = selects::set_apart(wasm)
            .map_err(|e| Failure::at(INVALID, e.offset(), e.message()))?;
        Module::new(&self.engine, &wasm[..])
            .map_err(|e| Failure::new(INVALID, format!("{e}")))?;
        Ok(wasm.into_owned())
    }

    unsafe fn load(
        &self,
        artifact: &[u8],
        _file: c_int,
    ) -> Result<Loaded, Failure> {
        let module = Module::new(&self.engine, artifact)
            .map_err(|e| Failure::new(CORRUPT, format!("artifact: {e}")))?;
        Ok(Loaded {
            memory: memory_name(&module),
            module,
            meter: self.meter,
            interrupts: self.interrupts.clone(),
        })
    }

    fn interrupt(&self) {
        self.interrupts.fetch_add(1, Ordering::Relaxed);
    }

    fn is_component(_module: &Loaded) -> bool {
        false
    }

    fn instantiate(
        module: &Loaded,
        imports: &[Import],
        host: Host,
        limits: &Limits,
        out: *mut *mut Running,
    ) -> Result<(), Fault> {
        let linker =
            module.link(imports).map_err(|e| Fault::broken(e.to_string()))?;
        let instance = Box::into_raw(module.allot(host, limits)?);
        unsafe {
            *out = instance;
            let store = &mut (*instance).store;
            match linker.instantiate_and_start(store, &module.module) {
                Ok(inner) => {
                    (*instance).instance = Some(inner);
                    Ok(())
                }
                Err(error) => {
                    *out = std::ptr::null_mut();
                    let owned = Box::from_raw(instance);
                    Err(owned.fault(&error))
                }
            }
        }
    }

    fn call_component(
        _module: &Loaded,
        _name: &str,
        _args: &[u8],
        _limits: &Limits,
        _host: &ComponentHost,
    ) -> Result<Vec<u8>, Fault> {
        Err(Fault::broken("wasmi runs no components: they need wasmtime"))
    }

    unsafe fn find(instance: *mut Running, name: &str) -> Option<u32> {
        let this = unsafe { &mut *instance };
        let inner = this.instance?;
        let func = inner.get_func(this.store(), name)?;
        let ty = func.ty(this.store());
        let numeric = ty.params().iter().chain(ty.results()).all(is_number);
        let count = ty.params().len().max(ty.results().len());
        if !numeric || count > PARAMS_MAX {
            return None; // never in a call of ours
        }
        this.functions.push(func);
        Some(this.functions.len() as u32 - 1)
    }

    unsafe fn call(
        instance: *mut Running,
        function: u32,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<(), Fault> {
        let this = unsafe { &mut *instance };
        let func = this.functions[function as usize];
        let ty = func.ty(this.store());
        if ty.params().len() != params.len()
            || ty.results().len() != results.len()
        {
            return Err(Fault::broken("a call with the wrong counts"));
        }
        let inputs: Vec<Val> = ty
            .params()
            .iter()
            .zip(params)
            .map(|(ty, n)| val(*ty, *n))
            .collect();
        let mut outputs: Vec<Val> =
            ty.results().iter().map(|ty| val(*ty, 0)).collect();
        let called = match this.meter {
            METER_EPOCH if this.caller.is_none() => unsafe {
                call_in_slices(instance, func, &inputs, &mut outputs)
            },
            _ => func.call(this.store(), &inputs, &mut outputs),
        };
        if let Err(error) = called {
            return Err(unsafe { &*instance }.fault(&error));
        }
        for (result, output) in results.iter_mut().zip(&outputs) {
            *result = number(output);
        }
        Ok(())
    }

    unsafe fn memory(instance: *mut Running) -> View {
        let this = unsafe { &mut *instance };
        if this.memory.is_none()
            && let (Some(inner), Some(name)) =
                (this.instance, this.memory_name.clone())
        {
            this.memory = inner.get_memory(this.store(), &name);
        }
        match this.memory {
            None => View { data: std::ptr::null_mut(), len: 0 },
            Some(memory) => View {
                data: memory.data_ptr(this.store()),
                len: memory.data_size(this.store()),
            },
        }
    }

    unsafe fn fuel_used(instance: *mut Running) -> u64 {
        let this = unsafe { &mut *instance };
        match this.meter {
            METER_FUEL => {
                this.fuel - this.store().get_fuel().unwrap_or(this.fuel)
            }
            _ => 0,
        }
    }

    unsafe fn memory_peak(instance: *mut Running) -> u64 {
        unsafe { &*instance }.store.data().budget.peak
    }
}

impl Loaded {
    fn link(&self, imports: &[Import]) -> Result<Linker<State>, Error> {
        let mut linker = Linker::new(self.module.engine());
        linker.allow_shadowing(true); // a module may import a thing twice
        for import in self.module.imports() {
            let (module, name) = (import.module(), import.name());
            let found = imports
                .iter()
                .find(|i| i.module.text() == module && i.name.text() == name);
            let Some(offered) = found else {
                let text = format!("import {module} {name} is not offered");
                return Err(Error::new(text));
            };
            define(&mut linker, module, name, offered)?;
        }
        Ok(linker)
    }

    fn allot(
        &self,
        host: Host,
        limits: &Limits,
    ) -> Result<Box<Running>, Fault> {
        let state = State {
            budget: Budget::new(limits.memory_max),
            host,
            instance: std::ptr::null_mut(),
        };
        let mut store = Store::new(self.module.engine(), state);
        store.limiter(|state| &mut state.budget);
        let fuel = match (self.meter, limits.fuel_max) {
            (METER_FUEL, 1..) => limits.fuel_max,
            _ => u64::MAX,
        };
        store.set_fuel(fuel).map_err(|e| Fault::broken(e.to_string()))?;
        let mut instance = Box::new(Running {
            store,
            caller: None,
            instance: None,
            memory_name: self.memory.clone(),
            memory: None,
            functions: Vec::new(),
            meter: self.meter,
            fuel,
            interrupts_seen: self.interrupts.load(Ordering::Relaxed),
            interrupts: self.interrupts.clone(),
        });
        instance.store.data_mut().instance = &mut *instance;
        Ok(instance)
    }
}

impl Running {
    /// The store, by way of the import that is running if one is.
    fn store(&mut self) -> StoreContextMut<'_, State> {
        match &mut self.caller {
            Some(caller) => caller.as_context_mut(),
            None => self.store.as_context_mut(),
        }
    }

    /// What an error of a run means.
    fn fault(&self, error: &Error) -> Fault {
        if self.store.data().budget.refused {
            return Fault::new(Outcome::LimitMemory, "out of memory");
        }
        match error.downcast_ref::<Halt>() {
            Some(Halt::Stop) => {
                return Fault::new(Outcome::Stopped, Halt::Stop.to_string());
            }
            Some(Halt::Trap) => {
                return Fault::new(Outcome::Trapped, Halt::Trap.to_string());
            }
            None => {}
        }
        let outcome = match error.as_trap_code() {
            Some(TrapCode::StackOverflow) => Outcome::LimitStack,
            Some(TrapCode::OutOfFuel) if self.meter == METER_EPOCH => {
                Outcome::LimitTime
            }
            Some(TrapCode::OutOfFuel) => Outcome::LimitFuel,
            Some(TrapCode::GrowthOperationLimited)
            | Some(TrapCode::OutOfSystemMemory) => Outcome::LimitMemory,
            Some(_) => Outcome::Trapped,
            None => Outcome::Broken,
        };
        Fault::new(outcome, error.to_string())
    }
}

/// func.call() that can be interrupted between slices of fuel.
unsafe fn call_in_slices(
    instance: *mut Running,
    func: Func,
    inputs: &[Val],
    outputs: &mut [Val],
) -> Result<(), Error> {
    let this = unsafe { &mut *instance };
    this.store.set_fuel(SLICE)?;
    let mut state = func.call_resumable(&mut this.store, inputs, outputs)?;
    loop {
        match state {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
            ResumableCall::OutOfFuel(call) => {
                let this = unsafe { &mut *instance };
                let now = this.interrupts.load(Ordering::Relaxed);
                if now != this.interrupts_seen {
                    return Err(Error::from(TrapCode::OutOfFuel));
                }
                let fuel = SLICE.max(call.required_fuel());
                this.store.set_fuel(fuel)?;
                state = call.resume(&mut this.store, outputs)?;
            }
        }
    }
}

/// Export that is the memory: "memory", or the only one.
fn memory_name(module: &Module) -> Option<String> {
    let is_memory = |e: &ExportType| matches!(e.ty(), ExternType::Memory(_));
    let names: Vec<&str> =
        module.exports().filter(is_memory).map(|e| e.name()).collect();
    match names[..] {
        [only] => Some(only.to_string()),
        _ => names.contains(&"memory").then(|| "memory".to_string()),
    }
}

fn define(
    linker: &mut Linker<State>,
    module: &str,
    name: &str,
    import: &Import,
) -> Result<(), Error> {
    let types = |list: &[u32]| -> Result<Vec<ValType>, Error> {
        list.iter()
            .map(|ty| match ty {
                0 => Ok(ValType::I32),
                1 => Ok(ValType::I64),
                2 => Ok(ValType::F32),
                3 => Ok(ValType::F64),
                _ => Err(Error::new("an import has a type that is no number")),
            })
            .collect()
    };
    let params = types(&import.params[..import.param_count as usize])?;
    let results = match import.result_count {
        0 => Vec::new(),
        _ => types(&[import.result])?,
    };
    let function = import.function;
    let result_type = results.first().copied();
    let ty = FuncType::new(params, results);
    let body = move |caller: Caller<'_, State>,
                     inputs: &[Val],
                     outputs: &mut [Val]| {
        let mut params = [0; PARAMS_MAX];
        for (param, input) in params.iter_mut().zip(inputs) {
            *param = number(input);
        }
        let mut result = [0; 1];
        enter(caller, function, &params[..inputs.len()], &mut result)?;
        if let Some(ty) = result_type {
            outputs[0] = val(ty, result[0]);
        }
        Ok(())
    };
    linker.func_new(module, name, ty, body)?;
    Ok(())
}

/// Runs an import's host function, with a way back into the instance.
fn enter(
    mut caller: Caller<'_, State>,
    function: HostFunction,
    params: &[u64],
    results: &mut [u64],
) -> Result<(), Error> {
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
        verdict.map_err(Error::host)
    }
}

fn is_number(ty: &ValType) -> bool {
    matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64)
}

fn val(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(F32::from_bits(bits as u32)),
        ValType::F64 => Val::F64(F64::from_bits(bits)),
        _ => Val::I32(bits as i32),
    }
}

fn number(val: &Val) -> u64 {
    match val {
        Val::I32(n) => *n as u32 as u64,
        Val::I64(n) => *n as u64,
        Val::F32(n) => n.to_bits() as u64,
        Val::F64(n) => n.to_bits(),
        _ => 0,
    }
}
