// SPDX-License-Identifier: Apache-2.0
//! Wasmtime with nothing switched on: no fuel, no epochs, NaNs as they come,
//! default settings. What the benchmarks compare ours with.
//!
//!     bare MODULE.wasm FUNCTION NUMBER
//!
//! For each line on standard input, calls the function of one i64 in a fresh
//! instance and prints how many nanoseconds the call took.

use std::io::{self, BufRead, Write};
use std::time::Instant;
use wasmtime::{Engine, Instance, Module, Result, Store};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    let [_, path, function, number] = &words[..] else {
        eprintln!("usage: bare MODULE.wasm FUNCTION NUMBER");
        std::process::exit(2);
    };
    let engine = Engine::default();
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let number: i64 = number.parse()?;
    for line in io::stdin().lock().lines() {
        line?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let call = instance.get_typed_func::<i64, i64>(&mut store, function)?;
        let start = Instant::now();
        std::hint::black_box(call.call(&mut store, number)?);
        println!("{}", start.elapsed().as_nanos());
        io::stdout().flush()?;
    }
    Ok(())
}
