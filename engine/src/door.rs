// SPDX-License-Identifier: Apache-2.0
//! The C interface, written once for all engines: a `Backend` becomes a
//! `Table` of C functions. Structures repeat those of src/wasm/engine.h and
//! src/base; ipvm_engine.h says what each function does.

use crate::float::Standard;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub const INVALID: u32 = 2;
pub const UNSUPPORTED: u32 = 3;
pub const LIMIT: u32 = 4;
pub const CORRUPT: u32 = 5;
pub const HOST: u32 = 11;

pub const METER_FUEL: u32 = 1;
pub const METER_EPOCH: u32 = 2;

pub const PARAMS_MAX: usize = 16;

/// EngineOutcome.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ran,
    Trapped,
    LimitMemory,
    LimitFuel,
    LimitStack,
    LimitTime,
    Stopped,
    Broken,
}

/// EngineVerdict.
const GO_ON: u32 = 0;
const TRAP: u32 = 1;

/// struct engine_options.
#[repr(C)]
pub struct Options {
    pub kind: u32,
    pub meter: u32,
    pub slots: u32,
}

/// Bytes and Text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct View {
    data: *const u8,
    len: usize,
}

impl View {
    pub fn bytes(&self) -> &[u8] {
        unsafe { bytes(self.data, self.len) }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or("\u{fffd}")
    }

    pub fn of(bytes: &[u8]) -> View {
        View { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// # Safety
/// As slice::from_raw_parts, but `data` may be null when `len` is 0.
pub unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(data, len) }
}

pub type HostFunction = unsafe extern "C" fn(
    context: *mut c_void,
    caller: *mut c_void,
    params: *const u64,
    results: *mut u64,
) -> u32;

/// struct engine_import.
#[repr(C)]
pub struct Import {
    pub module: View,
    pub name: View,
    pub param_count: u8,
    pub result_count: u8,
    pub params: [u32; PARAMS_MAX],
    pub result: u32,
    pub function: HostFunction,
}

/// struct engine_limits.
#[repr(C)]
pub struct Limits {
    pub memory_max: u64,
    pub fuel_max: u64,
}

/// struct error.
#[repr(C)]
pub struct CError {
    status: u32,
    offset: usize,
    message: [c_char; 200],
}

/// struct engine_fault.
#[repr(C)]
pub struct CFault {
    outcome: Outcome,
    message: [c_char; 512],
}

/// struct engine_memory.
#[repr(C)]
pub struct Memory {
    pub data: *mut u8,
    pub len: usize,
}

/// struct engine_component_host.
#[repr(C)]
pub struct ComponentHost {
    pub context: *mut c_void,
    pub log: Option<unsafe extern "C" fn(*mut c_void, View, View, View)>,
    pub content: Option<
        unsafe extern "C" fn(*mut c_void, *mut crate::content::Call) -> u32,
    >,
}

/// struct ipvm_call.
#[repr(C)]
pub struct Call {
    function: u32,
    params: *const u64,
    param_count: usize,
    results: *mut u64,
    result_count: usize,
}

/// struct ipvm_component_call.
#[repr(C)]
pub struct ComponentCall {
    name: View,
    args: View,
    limits: *const Limits,
    host: *const ComponentHost,
    take: Take,
    take_context: *mut c_void,
}

/// Takes bytes that Rust owns; they are valid during the call.
pub type Take = unsafe extern "C" fn(context: *mut c_void, bytes: View);

/// Why something was not done, for `struct error`.
pub struct Failure {
    pub status: u32,
    pub offset: Option<usize>,
    pub message: String,
}

impl Failure {
    pub fn new(status: u32, message: impl Into<String>) -> Failure {
        Failure { status, offset: None, message: message.into() }
    }

    pub fn at(status: u32, offset: usize, message: impl Into<String>) -> Self {
        Failure { status, offset: Some(offset), message: message.into() }
    }
}

/// How a run ended without returning.
pub struct Fault {
    pub outcome: Outcome,
    pub message: String,
}

impl Fault {
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Fault {
        Fault { outcome, message: message.into() }
    }

    pub fn broken(message: impl Into<String>) -> Fault {
        Fault::new(Outcome::Broken, message)
    }
}

/// How an import ends a run. Travels through the engine as an error.
#[derive(Debug, Clone, Copy)]
pub enum Halt {
    Trap,
    Stop,
}

impl Halt {
    pub fn of(verdict: u32) -> Result<(), Halt> {
        match verdict {
            GO_ON => Ok(()),
            TRAP => Err(Halt::Trap),
            _ => Err(Halt::Stop),
        }
    }
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Halt::Trap => "a call of an import broke its contract",
            Halt::Stop => "an import ended the run",
        })
    }
}

impl std::error::Error for Halt {}

/// struct ipvm_host: what host functions get.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Host {
    pub context: *mut c_void,
    pub owner: *mut c_void,
}

unsafe impl Send for Host {}

impl Host {
    /// # Safety
    /// `params` and `results` have the counts of the function's import.
    pub unsafe fn call(
        &self,
        function: HostFunction,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<(), Halt> {
        let verdict = unsafe {
            function(
                self.context,
                self.owner,
                params.as_ptr(),
                results.as_mut_ptr(),
            )
        };
        Halt::of(verdict)
    }
}

/// One engine.
pub trait Backend: Sized {
    type Module;
    type Instance;

    fn identity(options: &Options) -> String;
    fn open(options: &Options) -> Result<Self, Failure>;
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, Failure>;
    /// # Safety
    /// `artifact` was made by compile() and not changed since; `file` holds
    /// the same bytes or is -1.
    unsafe fn load(
        &self,
        artifact: &[u8],
        file: c_int,
    ) -> Result<Self::Module, Failure>;
    fn interrupt(&self);
    fn is_component(module: &Self::Module) -> bool;
    /// Sets `out` before guest code runs, so that imports find the instance,
    /// and back to null when it fails.
    fn instantiate(
        module: &Self::Module,
        imports: &[Import],
        host: Host,
        limits: &Limits,
        out: *mut *mut Self::Instance,
    ) -> Result<(), Fault>;
    fn call_component(
        module: &Self::Module,
        name: &str,
        args: &[u8],
        limits: &Limits,
        host: &ComponentHost,
    ) -> Result<Vec<u8>, Fault>;

    // An import may come back to its instance while the outer call still
    // runs: hence pointers, borrowed from for moments only.

    /// An index for call(), or None.
    ///
    /// # Safety
    /// These take what instantiate() made, on one thread at a time.
    unsafe fn find(instance: *mut Self::Instance, name: &str) -> Option<u32>;
    unsafe fn call(
        instance: *mut Self::Instance,
        function: u32,
        params: &[u64],
        results: &mut [u64],
    ) -> Result<(), Fault>;
    unsafe fn memory(instance: *mut Self::Instance) -> Memory;
    unsafe fn fuel_used(instance: *mut Self::Instance) -> u64;
    unsafe fn memory_peak(instance: *mut Self::Instance) -> u64;
}

/// struct ipvm_engine_table.
#[repr(C)]
pub struct Table {
    identity: unsafe extern "C" fn(*const Options, *mut c_char, usize),
    open: unsafe extern "C" fn(
        *const Options,
        *mut *mut c_void,
        *mut CError,
    ) -> u32,
    close: unsafe extern "C" fn(*mut c_void),
    compile: unsafe extern "C" fn(
        *mut c_void,
        View,
        Take,
        *mut c_void,
        *mut CError,
    ) -> u32,
    load: unsafe extern "C" fn(
        *mut c_void,
        View,
        c_int,
        *mut *mut c_void,
        *mut CError,
    ) -> u32,
    interrupt: unsafe extern "C" fn(*mut c_void),
    module_free: unsafe extern "C" fn(*mut c_void),
    is_component: unsafe extern "C" fn(*const c_void) -> bool,
    instantiate: unsafe extern "C" fn(
        *const c_void,
        *const Import,
        usize,
        Host,
        *const Limits,
        *mut *mut c_void,
        *mut CFault,
    ) -> Outcome,
    instance_free: unsafe extern "C" fn(*mut c_void),
    find: unsafe extern "C" fn(*mut c_void, View) -> u32,
    call:
        unsafe extern "C" fn(*mut c_void, *const Call, *mut CFault) -> Outcome,
    memory: unsafe extern "C" fn(*mut c_void) -> Memory,
    fuel_used: unsafe extern "C" fn(*mut c_void) -> u64,
    memory_peak: unsafe extern "C" fn(*mut c_void) -> u64,
    call_component: unsafe extern "C" fn(
        *const c_void,
        *const ComponentCall,
        *mut CFault,
    ) -> Outcome,
}

impl Table {
    pub const fn of<B: Backend>() -> Table {
        Table {
            identity: identity::<B>,
            open: open::<B>,
            close: close::<B>,
            compile: compile::<B>,
            load: load::<B>,
            interrupt: interrupt::<B>,
            module_free: module_free::<B>,
            is_component: is_component::<B>,
            instantiate: instantiate::<B>,
            instance_free: instance_free::<B>,
            find: find::<B>,
            call: call::<B>,
            memory: memory::<B>,
            fuel_used: fuel_used::<B>,
            memory_peak: memory_peak::<B>,
            call_component: call_component::<B>,
        }
    }
}

/// Copies `text` as a string ended by NUL, cut at a character if too long.
fn put_text(text: &str, out: *mut c_char, max: usize) {
    let mut len = text.len().min(max - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), out, len);
        *out.add(len) = 0;
    }
}

/// Runs `body`; its failure, or its panic, goes to `err`.
pub fn status(
    err: *mut CError,
    body: impl FnOnce() -> Result<(), Failure>,
) -> u32 {
    let _float = Standard::enter();
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(HOST, panic_text(&panic)),
    };
    if let Some(err) = unsafe { err.as_mut() } {
        err.status = failure.status;
        err.offset = failure.offset.unwrap_or(usize::MAX);
        let line = failure.message.replace('\n', " ");
        put_text(&line, err.message.as_mut_ptr(), err.message.len());
    }
    failure.status
}

/// Runs `body`; its fault, or its panic, goes to `fault`.
fn outcome(
    fault: *mut CFault,
    body: impl FnOnce() -> Result<(), Fault>,
) -> Outcome {
    let _float = Standard::enter();
    let why = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return Outcome::Ran,
        Ok(Err(why)) => why,
        Err(panic) => Fault::broken(panic_text(&panic)),
    };
    if let Some(fault) = unsafe { fault.as_mut() } {
        fault.outcome = why.outcome;
        let line = why.message.replace('\n', " ");
        put_text(&line, fault.message.as_mut_ptr(), fault.message.len());
    }
    why.outcome
}

fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("the engine panicked: {text}")
}

unsafe extern "C" fn identity<B: Backend>(
    options: *const Options,
    out: *mut c_char,
    max: usize,
) {
    put_text(&B::identity(unsafe { &*options }), out, max);
}

unsafe extern "C" fn open<B: Backend>(
    options: *const Options,
    out: *mut *mut c_void,
    err: *mut CError,
) -> u32 {
    status(err, || {
        let engine = B::open(unsafe { &*options })?;
        unsafe { *out = Box::into_raw(Box::new(engine)).cast() };
        Ok(())
    })
}

unsafe extern "C" fn close<B: Backend>(engine: *mut c_void) {
    drop(unsafe { Box::from_raw(engine.cast::<B>()) });
}

unsafe extern "C" fn compile<B: Backend>(
    engine: *mut c_void,
    wasm: View,
    take: Take,
    context: *mut c_void,
    err: *mut CError,
) -> u32 {
    let engine = unsafe { &*engine.cast::<B>() };
    status(err, || {
        let artifact = engine.compile(wasm.bytes())?;
        unsafe { take(context, View::of(&artifact)) };
        Ok(())
    })
}

unsafe extern "C" fn load<B: Backend>(
    engine: *mut c_void,
    artifact: View,
    file: c_int,
    out: *mut *mut c_void,
    err: *mut CError,
) -> u32 {
    let engine = unsafe { &*engine.cast::<B>() };
    status(err, || {
        let module = unsafe { engine.load(artifact.bytes(), file) }?;
        unsafe { *out = Box::into_raw(Box::new(module)).cast() };
        Ok(())
    })
}

unsafe extern "C" fn interrupt<B: Backend>(engine: *mut c_void) {
    unsafe { &*engine.cast::<B>() }.interrupt();
}

unsafe extern "C" fn module_free<B: Backend>(module: *mut c_void) {
    drop(unsafe { Box::from_raw(module.cast::<B::Module>()) });
}

unsafe extern "C" fn is_component<B: Backend>(module: *const c_void) -> bool {
    B::is_component(unsafe { &*module.cast::<B::Module>() })
}

unsafe extern "C" fn instantiate<B: Backend>(
    module: *const c_void,
    imports: *const Import,
    import_count: usize,
    host: Host,
    limits: *const Limits,
    out: *mut *mut c_void,
    fault: *mut CFault,
) -> Outcome {
    let module = unsafe { &*module.cast::<B::Module>() };
    outcome(fault, || {
        let imports = if import_count == 0 {
            &[]
        } else {
            unsafe { std::slice::from_raw_parts(imports, import_count) }
        };
        let limits = unsafe { &*limits };
        B::instantiate(module, imports, host, limits, out.cast())
    })
}

unsafe extern "C" fn instance_free<B: Backend>(instance: *mut c_void) {
    drop(unsafe { Box::from_raw(instance.cast::<B::Instance>()) });
}

unsafe extern "C" fn find<B: Backend>(
    instance: *mut c_void,
    name: View,
) -> u32 {
    unsafe { B::find(instance.cast(), name.text()) }.unwrap_or(u32::MAX)
}

unsafe extern "C" fn call<B: Backend>(
    instance: *mut c_void,
    call: *const Call,
    fault: *mut CFault,
) -> Outcome {
    let call = unsafe { &*call };
    if call.param_count > PARAMS_MAX || call.result_count > PARAMS_MAX {
        return outcome(fault, || Err(Fault::broken("too many parameters")));
    }
    outcome(fault, || unsafe {
        let params = numbers(call.params, call.param_count);
        let results = match call.result_count {
            0 => &mut [],
            count => std::slice::from_raw_parts_mut(call.results, count),
        };
        B::call(instance.cast(), call.function, params, results)
    })
}

unsafe fn numbers<'a>(data: *const u64, count: usize) -> &'a [u64] {
    match count {
        0 => &[],
        _ => unsafe { std::slice::from_raw_parts(data, count) },
    }
}

unsafe extern "C" fn memory<B: Backend>(instance: *mut c_void) -> Memory {
    unsafe { B::memory(instance.cast()) }
}

unsafe extern "C" fn fuel_used<B: Backend>(instance: *mut c_void) -> u64 {
    unsafe { B::fuel_used(instance.cast()) }
}

unsafe extern "C" fn memory_peak<B: Backend>(instance: *mut c_void) -> u64 {
    unsafe { B::memory_peak(instance.cast()) }
}

unsafe extern "C" fn call_component<B: Backend>(
    module: *const c_void,
    call: *const ComponentCall,
    fault: *mut CFault,
) -> Outcome {
    let module = unsafe { &*module.cast::<B::Module>() };
    let call = unsafe { &*call };
    outcome(fault, || {
        let result = B::call_component(
            module,
            call.name.text(),
            call.args.bytes(),
            unsafe { &*call.limits },
            unsafe { &*call.host },
        )?;
        unsafe { (call.take)(call.take_context, View::of(&result)) };
        Ok(())
    })
}
