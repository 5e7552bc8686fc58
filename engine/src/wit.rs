// SPDX-License-Identifier: Apache-2.0
//! Tools for those who build guests: a WIT world into a core module, and a
//! core module with a world into a component.

use crate::door::*;
use std::ffi::c_void;
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

fn invalid(error: impl std::fmt::Display) -> Failure {
    Failure::new(INVALID, format!("{error:#}"))
}

/// The component that a module of kind 2 means.
#[unsafe(no_mangle)]
unsafe extern "C" fn ipvm_componentise(
    wasm: View,
    take: Take,
    context: *mut c_void,
    err: *mut CError,
) -> u32 {
    status(err, || {
        let component = ComponentEncoder::default()
            .module(wasm.bytes())
            .and_then(|encoder| encoder.validate(true).encode())
            .map_err(invalid)?;
        unsafe { take(context, View::of(&component)) };
        Ok(())
    })
}

/// Adds the section `component-type` for `world` of a WIT file.
#[unsafe(no_mangle)]
unsafe extern "C" fn ipvm_embed_wit(
    wasm: View,
    wit: View,
    world: View,
    take: Take,
    context: *mut c_void,
    err: *mut CError,
) -> u32 {
    status(err, || {
        let mut resolve = Resolve::default();
        if !wit.text().contains("package ipvm:content@") {
            resolve
                .push_str("ipvm-content.wit", crate::content::WIT)
                .map_err(invalid)?;
        }
        let package =
            resolve.push_str("world.wit", wit.text()).map_err(invalid)?;
        let name = Some(world.text()).filter(|name| !name.is_empty());
        let world = resolve.select_world(&[package], name).map_err(invalid)?;
        let mut module = wasm.bytes().to_vec();
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
        )
        .map_err(invalid)?;
        unsafe { take(context, View::of(&module)) };
        Ok(())
    })
}
