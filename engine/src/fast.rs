// SPDX-License-Identifier: Apache-2.0
//! Component calls whose bytes cross as bytes. A dynamic value takes 40 bytes
//! an element; functions of numbers, strings and byte lists that give one of
//! a few shapes are called by type instead.
//!
//! `Params` implements traits that Wasmtime documents for its derive macro
//! only; results go through its own types. Tied to the version we pin.

use crate::cbor::*;
use std::mem::MaybeUninit;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::component::types::Type;
use wasmtime::component::{
    ComponentNamedList, ComponentType, Func, Lift, Lower,
};
use wasmtime::{Error, Result, Store, ValRaw, bail};

const FLAT_MAX: usize = 16; // parameters of a core function

enum Arg<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
    Number(ValRaw),
}

struct Params<'a>(Vec<Arg<'a>>);

/// What a call gave: bytes of the typed encoding, or the error of the run.
/// None: not a function for this path, or arguments that do not fit.
pub fn call<T: 'static>(
    store: &mut Store<T>,
    func: Func,
    args: &[u8],
    params: &[Type],
    result: Option<&Type>,
) -> Option<Result<Vec<u8>>> {
    let shape = Shape::of(result?)?;
    let params = read_params(args, params)?;
    Some(match shape {
        Shape::Bytes => run::<T, Vec<u8>>(store, func, params),
        Shape::Text => run::<T, String>(store, func, params),
        Shape::BytesOrText => {
            run::<T, std::result::Result<Vec<u8>, String>>(store, func, params)
        }
        Shape::TextOrText => {
            run::<T, std::result::Result<String, String>>(store, func, params)
        }
        Shape::BytesOrNothing => {
            run::<T, std::result::Result<Vec<u8>, ()>>(store, func, params)
        }
    })
}

enum Shape {
    Bytes,
    Text,
    BytesOrText,
    TextOrText,
    BytesOrNothing,
}

fn is_bytes(ty: &Type) -> bool {
    matches!(ty, Type::List(list) if list.ty() == Type::U8)
}

impl Shape {
    fn of(ty: &Type) -> Option<Shape> {
        match ty {
            Type::String => Some(Shape::Text),
            ty if is_bytes(ty) => Some(Shape::Bytes),
            Type::Result(result) => match (result.ok()?, result.err()) {
                (ok, None) if is_bytes(&ok) => Some(Shape::BytesOrNothing),
                (ok, Some(Type::String)) if is_bytes(&ok) => {
                    Some(Shape::BytesOrText)
                }
                (Type::String, Some(Type::String)) => Some(Shape::TextOrText),
                _ => None,
            },
            _ => None,
        }
    }
}

fn run<T: 'static, R: Lift + Typed + Send + Sync + 'static>(
    store: &mut Store<T>,
    func: Func,
    params: Params,
) -> Result<Vec<u8>> {
    let typed = func.typed::<Params, (R,)>(&*store)?;
    let (result,) = typed.call(store, params)?;
    let mut out = Vec::new();
    result.put(&mut out);
    Ok(out)
}

/// Appends itself in the typed encoding.
trait Typed {
    fn put(&self, out: &mut Vec<u8>);
}

impl Typed for Vec<u8> {
    fn put(&self, out: &mut Vec<u8>) {
        out.reserve(self.len() + 16);
        put_string(out, BYTES, self);
    }
}

impl Typed for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_string(out, TEXT, self.as_bytes());
    }
}

impl Typed for () {
    fn put(&self, _out: &mut Vec<u8>) {}
}

impl<A: Typed, E: Typed> Typed for std::result::Result<A, E> {
    fn put(&self, out: &mut Vec<u8>) {
        let mut payload = Vec::new();
        match self {
            Ok(value) => value.put(&mut payload),
            Err(error) => error.put(&mut payload),
        }
        put_head(out, ARRAY, if payload.is_empty() { 1 } else { 2 });
        put_head(out, UINT, self.is_err() as u64);
        out.append(&mut payload);
    }
}

fn read_params<'a>(args: &'a [u8], types: &[Type]) -> Option<Params<'a>> {
    let mut r = Reader::new(args);
    let mut flat = 0;
    let mut list = Vec::new();
    if r.array()? != types.len() {
        return None;
    }
    for ty in types {
        let arg = match ty {
            Type::String => Arg::Text(r.text()?),
            ty if is_bytes(ty) => Arg::Bytes(r.string(BYTES)?),
            ty => Arg::Number(number(&mut r, ty)?),
        };
        flat += if matches!(arg, Arg::Number(_)) { 1 } else { 2 };
        list.push(arg);
    }
    (flat <= FLAT_MAX && r.is_at_end()).then_some(Params(list))
}

fn number(r: &mut Reader, ty: &Type) -> Option<ValRaw> {
    let range = |low: i128, high: i128, value: i128| {
        (low..=high).contains(&value).then_some(value)
    };
    Some(match ty {
        Type::Bool => ValRaw::u32(r.bool()? as u32),
        Type::Float64 => ValRaw::f64(r.float()?.to_bits()),
        Type::U64 => {
            ValRaw::u64(range(0, u64::MAX.into(), r.integer()?)? as u64)
        }
        Type::S64 => {
            let low = i64::MIN.into();
            ValRaw::i64(range(low, i64::MAX.into(), r.integer()?)? as i64)
        }
        Type::U32 => {
            ValRaw::u32(range(0, u32::MAX.into(), r.integer()?)? as u32)
        }
        Type::S32 => {
            let low = i32::MIN.into();
            ValRaw::i32(range(low, i32::MAX.into(), r.integer()?)? as i32)
        }
        Type::U16 => ValRaw::u32(range(0, 0xffff, r.integer()?)? as u32),
        Type::S16 => ValRaw::i32(range(-0x8000, 0x7fff, r.integer()?)? as i32),
        Type::U8 => ValRaw::u32(range(0, 0xff, r.integer()?)? as u32),
        Type::S8 => ValRaw::i32(range(-0x80, 0x7f, r.integer()?)? as i32),
        _ => return None, // f32 and char have rules of their own
    })
}

// Safety: the parameters are in the flat form of the function's type, which
// read_params() followed; Lower is as large as the most there can be.
unsafe impl ComponentType for Params<'_> {
    type Lower = [ValRaw; FLAT_MAX];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::POINTER_PAIR;

    fn typecheck(ty: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        match ty {
            InterfaceType::Tuple(_) => Ok(()),
            _ => bail!("parameters are a tuple"),
        }
    }
}

unsafe impl ComponentNamedList for Params<'_> {}

unsafe impl Lower for Params<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let InterfaceType::Tuple(tuple) = ty else {
            bail!("parameters are a tuple");
        };
        let out = dst.as_mut_ptr().cast::<ValRaw>();
        let mut at = 0;
        for (i, arg) in self.0.iter().enumerate() {
            let ty = cx.types[tuple].types[i];
            let mut pair = MaybeUninit::<[ValRaw; 2]>::uninit();
            match arg {
                Arg::Bytes(bytes) => {
                    bytes.linear_lower_to_flat(cx, ty, &mut pair)?;
                }
                Arg::Text(text) => {
                    text.linear_lower_to_flat(cx, ty, &mut pair)?;
                }
                Arg::Number(raw) => {
                    unsafe { out.add(at).write(*raw) };
                    at += 1;
                    continue;
                }
            }
            let pair = unsafe { pair.assume_init() };
            unsafe { out.add(at).write(pair[0]) };
            unsafe { out.add(at + 1).write(pair[1]) };
            at += 2;
        }
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: usize,
    ) -> Result<()> {
        Err(Error::msg("these parameters are never in memory"))
    }
}
