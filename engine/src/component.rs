// SPDX-License-Identifier: Apache-2.0
//! Components through Wasmtime's component API: for those that are more than
//! one core module, which our own canonical ABI does not call.

use crate::backend_wasmtime::{fault, meter};
use crate::budget::Budget;
use crate::describe_component::is_offered;
use crate::door::*;
use crate::{content, fast, typed};
use std::ffi::c_void;
use wasmtime::component::types::{ComponentItem, Type};
use wasmtime::component::{
    Component, Func, InstancePre, Linker, LinkerInstance, Resource, Val,
};
use wasmtime::{Engine, Error, Result, Store, Trap, bail};

/// What may cross the door in one direction, in bytes as Wasmtime counts.
const TRANSFER_MAX: usize = 1 << 40;

pub struct Loaded {
    component: Component,
    pre: Result<InstancePre<State>>, // with the imports that are offered
    meter: u32,
}

pub struct State {
    budget: Budget,
    context: *mut c_void,
    log: Option<unsafe extern "C" fn(*mut c_void, View, View, View)>,
    content:
        Option<unsafe extern "C" fn(*mut c_void, *mut content::Call) -> u32>,
}

unsafe impl Send for State {}

impl Loaded {
    /// # Safety
    /// As Backend::load().
    pub unsafe fn new(
        engine: &Engine,
        artifact: &[u8],
        meter: u32,
    ) -> Result<Loaded> {
        let component = unsafe { Component::deserialize(engine, artifact) }?;
        let pre = link(engine, &component);
        Ok(Loaded { component, pre, meter })
    }

    pub fn call(
        &self,
        name: &str,
        args: &[u8],
        limits: &Limits,
        host: &ComponentHost,
    ) -> Result<Vec<u8>, Fault> {
        let pre = match &self.pre {
            Ok(pre) => pre,
            Err(error) => return Err(Fault::broken(format!("{error:#}"))),
        };
        let state = State {
            budget: Budget::new(limits.memory_max),
            context: host.context,
            log: host.log,
            content: host.content,
        };
        let mut store = Store::new(self.component.engine(), state);
        store.limiter(|state| &mut state.budget);
        store.set_hostcall_fuel(TRANSFER_MAX);
        meter(&mut store, self.meter, limits)?;

        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(fault(&store.data().budget, &error)),
        };
        let missing = || Fault::broken(format!("no function {name}"));
        let (interface, function) = match name.split_once('#') {
            Some((interface, function)) => (Some(interface), function),
            None => (None, name),
        };
        let within = match interface {
            Some(interface) => Some(
                self.component
                    .get_export_index(None, interface)
                    .ok_or_else(missing)?,
            ),
            None => None,
        };
        let index = self
            .component
            .get_export_index(within.as_ref(), function)
            .ok_or_else(missing)?;
        let func = instance.get_func(&mut store, &index).ok_or_else(missing)?;
        run(&mut store, func, args)
    }
}

fn run(
    store: &mut Store<State>,
    func: Func,
    args: &[u8],
) -> Result<Vec<u8>, Fault> {
    let ty = func.ty(&store);
    let types: Vec<Type> = ty.params().map(|(_, ty)| ty).collect();
    let result = ty.results().next();
    let by_type = fast::call(store, func, args, &types, result.as_ref());
    if let Some(called) = by_type {
        let budget = &store.data().budget;
        return called.map_err(|error| call_fault(budget, &error));
    }
    let mut blob = |rep| {
        let own = Resource::<content::Blob>::new_own(rep);
        own.try_into_resource_any(&mut *store).ok()
    };
    let params = typed::read_args(args, &types, &mut blob)
        .ok_or_else(|| Fault::broken("arguments do not fit their types"))?;
    let mut results = vec![Val::Bool(false); result.is_some() as usize];
    if let Err(error) = func.call(&mut *store, &params, &mut results) {
        return Err(call_fault(&store.data().budget, &error));
    }
    let mut out = Vec::new();
    for (value, ty) in results.iter().zip(&result) {
        typed::write(value, ty, &mut out)
            .map_err(|what| Fault::broken(format!("result: {what}")))?;
    }
    Ok(out)
}

/// As fault(), but where guest code has run: what lifting refuses is a trap.
fn call_fault(budget: &Budget, error: &Error) -> Fault {
    let known = error.is::<Trap>() || error.is::<Halt>();
    if budget.refused || known {
        return fault(budget, error);
    }
    Fault::new(Outcome::Trapped, format!("{error:#}"))
}

fn link(engine: &Engine, component: &Component) -> Result<InstancePre<State>> {
    let mut linker = Linker::new(engine);
    for (module, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            continue;
        };
        let mut inside = linker.instance(module)?;
        for (name, item) in instance.exports(engine) {
            let is_content = module == content::INTERFACE;
            if is_content && matches!(item.ty, ComponentItem::Resource(_)) {
                content::offer_blob(&mut inside)?;
            }
            if !matches!(item.ty, ComponentItem::ComponentFunc(_)) {
                continue;
            }
            if !is_offered(module, name) {
                bail!("import {module} {name} is not offered");
            }
            match is_content {
                true => content::offer(&mut inside, name)?,
                false => offer(&mut inside, name)?,
            }
        }
    }
    linker.instantiate_pre(component)
}

fn offer(inside: &mut LinkerInstance<State>, name: &str) -> Result<()> {
    match name {
        "log" => inside.func_new(name, |store, _, params, _| match params {
            [Val::Enum(level), Val::String(context), Val::String(line)] => {
                store.data().say(level, context, line);
                Ok(())
            }
            _ => Err(Error::new(Halt::Trap)),
        }),
        "print" => inside.func_new(name, |store, _, params, _| match params {
            [Val::String(line)] => {
                store.data().say("info", "", line);
                Ok(())
            }
            _ => Err(Error::new(Halt::Trap)),
        }),
        // Time stands still at zero.
        _ => inside.func_new(name, |_, ty, _, results| {
            for (result, ty) in results.iter_mut().zip(ty.results()) {
                *result = typed::zero(&ty).ok_or(Error::new(Halt::Trap))?;
            }
            Ok(())
        }),
    }
}

impl State {
    pub fn content(&self, call: &mut content::Call) -> Result<(), Halt> {
        let Some(content) = self.content else {
            return Err(Halt::Stop);
        };
        Halt::of(unsafe { content(self.context, call) })
    }

    fn say(&self, level: &str, context: &str, line: &str) {
        if let Some(log) = self.log {
            let view = |text: &str| View::of(text.as_bytes());
            unsafe {
                log(self.context, view(level), view(context), view(line));
            }
        }
    }
}
