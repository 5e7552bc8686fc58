// SPDX-License-Identifier: Apache-2.0
use crate::door::*;
use std::ffi::c_void;

#[unsafe(no_mangle)]
unsafe extern "C" fn ipvm_describe(_wasm: View, _take: Take, _context: *mut c_void, err: *mut CError) -> u32 {
    status(err, || Err(Failure::new(UNSUPPORTED, "not yet")))
}
