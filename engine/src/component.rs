// SPDX-License-Identifier: Apache-2.0
//! Components through Wasmtime's component API.

use crate::door::*;
use wasmtime::{Engine, Result, component::Component};

pub struct Loaded {
    component: Component,
    meter: u32,
}

impl Loaded {
    pub unsafe fn new(e: &Engine, artifact: &[u8], meter: u32) -> Result<Self> {
        let component = unsafe { Component::deserialize(e, artifact) }?;
        Ok(Loaded { component, meter })
    }

    pub fn call(&self, name: &str, args: &[u8], limits: &Limits, host: &ComponentHost) -> Result<Vec<u8>, Fault> {
        Err(Fault::broken("not yet"))
    }
}
