// SPDX-License-Identifier: Apache-2.0
//! Keeps wasmi 2.0.0 from a mistake: it fuses `i32.eqz` (and `eq`, `ne` with
//! 0) of a local with a `select` that follows, and the select then reads a
//! register that nobody set. A bit-and with 1 after each such comparison
//! changes no value and keeps the two apart.

use std::borrow::Cow;
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

const AND_1: [u8; 3] = [0x41, 1, 0x71]; // i32.const 1, i32.and

/// The module, valid before and after, with comparisons set apart.
pub fn set_apart(wasm: &[u8]) -> Result<Cow<'_, [u8]>, BinaryReaderError> {
    let mut start = 8; // of the section
    let mut end = 8; // of its contents
    let mut code = Vec::new();
    let mut is_changed = false;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::CodeSectionStart { count, range, .. } => {
                start = end;
                end = range.end;
                put_leb(&mut code, count as usize);
            }
            Payload::CodeSectionEntry(body) => {
                is_changed |= add_body(&mut code, wasm, &body)?;
            }
            other => match other.as_section() {
                Some((_, range)) if code.is_empty() => end = range.end,
                _ => {}
            },
        }
    }
    if !is_changed {
        return Ok(Cow::Borrowed(wasm));
    }
    let mut out = wasm[..start].to_vec();
    out.push(10);
    put_leb(&mut out, code.len());
    out.append(&mut code);
    out.extend_from_slice(&wasm[end..]);
    Ok(Cow::Owned(out))
}

/// Appends a function's body, its length in front; true if it was changed.
fn add_body(
    code: &mut Vec<u8>,
    wasm: &[u8],
    body: &FunctionBody,
) -> Result<bool, BinaryReaderError> {
    let mut new = Vec::new();
    let mut copied = body.range().start;
    let mut was_comparison = false;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, at) = operators.read_with_offset()?;
        if was_comparison && !is_safe_after_comparison(&operator) {
            new.extend_from_slice(&wasm[copied..at]);
            new.extend_from_slice(&AND_1);
            copied = at;
        }
        was_comparison = matches!(
            operator,
            Operator::I32Eqz | Operator::I32Eq | Operator::I32Ne
        );
    }
    new.extend_from_slice(&wasm[copied..body.range().end]);
    put_leb(code, new.len());
    code.extend_from_slice(&new);
    Ok(new.len() != body.range().len())
}

/// Uses up the comparison, rightly, and often: leave it alone.
fn is_safe_after_comparison(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::If { .. } | Operator::BrIf { .. } | Operator::I32Eqz
    )
}

fn put_leb(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
