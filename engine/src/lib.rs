// SPDX-License-Identifier: Apache-2.0
//! The WebAssembly engines of IPVM behind one small C interface, declared in
//! `ipvm_engine.h`. `door` is the interface, `backend_*` one engine each.

mod backend_wasmi;
mod backend_wasmtime;
mod budget;
mod cbor;
mod component;
mod content;
mod core_module;
mod describe;
mod describe_component;
mod describe_types;
mod door;
mod fast;
mod float;
mod profile;
mod selects;
mod typed;
mod wit;

/// BLAKE3 with 32 bytes of output. `data` may be null when `len` is 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn ipvm_blake3(data: *const u8, len: usize, out: *mut u8) {
    let hash = blake3::hash(unsafe { door::bytes(data, len) });
    unsafe { std::ptr::copy_nonoverlapping(hash.as_bytes().as_ptr(), out, 32) };
}
