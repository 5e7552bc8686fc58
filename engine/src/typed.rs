// SPDX-License-Identifier: Apache-2.0
//! The typed encoding of docs/formats/typed.md to and from component values.

use crate::cbor::*;
use wasmtime::component::types::{Case, Type};
use wasmtime::component::{ResourceAny, Val};

/// Makes the handle of a blob from the host's number for it.
pub type MakeBlob<'a> = &'a mut dyn FnMut(u32) -> Option<ResourceAny>;

/// Arguments for parameters of these types. None: they do not fit.
pub fn read_args(
    args: &[u8],
    types: &[Type],
    blob: MakeBlob,
) -> Option<Vec<Val>> {
    let mut reader = Reader::new(args);
    if reader.array()? != types.len() {
        return None;
    }
    let values: Option<Vec<Val>> =
        types.iter().map(|ty| read(&mut reader, ty, blob)).collect();
    values.filter(|_| reader.is_at_end())
}

fn read(r: &mut Reader, ty: &Type, blob: MakeBlob) -> Option<Val> {
    Some(match ty {
        Type::Bool => Val::Bool(r.bool()?),
        Type::S8 => Val::S8(r.integer()?.try_into().ok()?),
        Type::U8 => Val::U8(r.integer()?.try_into().ok()?),
        Type::S16 => Val::S16(r.integer()?.try_into().ok()?),
        Type::U16 => Val::U16(r.integer()?.try_into().ok()?),
        Type::S32 => Val::S32(r.integer()?.try_into().ok()?),
        Type::U32 => Val::U32(r.integer()?.try_into().ok()?),
        Type::S64 => Val::S64(r.integer()?.try_into().ok()?),
        Type::U64 => Val::U64(r.integer()?.try_into().ok()?),
        Type::Float32 => Val::Float32(narrow(r.float()?)),
        Type::Float64 => Val::Float64(r.float()?),
        Type::Char => {
            let mut chars = r.text()?.chars();
            let first = chars.next()?;
            if chars.next().is_some() {
                return None;
            }
            Val::Char(first)
        }
        Type::String => Val::String(r.text()?.to_string()),
        Type::List(list) => match list.ty() {
            Type::U8 => {
                let bytes = r.string(BYTES)?;
                Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect())
            }
            ty => Val::List(read_list(r, None, |r, _| read(r, &ty, blob))?),
        },
        Type::Tuple(tuple) => {
            let types: Vec<Type> = tuple.types().collect();
            let count = Some(types.len());
            Val::Tuple(read_list(r, count, |r, i| read(r, &types[i], blob))?)
        }
        Type::Record(record) => {
            let fields: Vec<_> = record.fields().collect();
            let count = Some(fields.len());
            Val::Record(read_list(r, count, |r, i| {
                let value = read(r, &fields[i].ty, blob)?;
                Some((fields[i].name.to_string(), value))
            })?)
        }
        Type::Variant(variant) => {
            let (count, index) = read_case(r)?;
            let case = variant.cases().nth(index)?;
            let name = case.name.to_string();
            Val::Variant(name, read_payload(r, count, case.ty.as_ref(), blob)?)
        }
        Type::Enum(e) => {
            let (count, index) = read_case(r)?;
            let name = e.names().nth(index).filter(|_| count == 1)?;
            Val::Enum(name.to_string())
        }
        Type::Option(option) => match r.array()? {
            0 => Val::Option(None),
            1 => Val::Option(Some(Box::new(read(r, &option.ty(), blob)?))),
            _ => return None,
        },
        Type::Result(result) => match read_case(r)? {
            (n, 0) => {
                Val::Result(Ok(read_payload(r, n, result.ok().as_ref(), blob)?))
            }
            (n, 1) => Val::Result(Err(read_payload(
                r,
                n,
                result.err().as_ref(),
                blob,
            )?)),
            _ => return None,
        },
        Type::Flags(flags) => {
            let names: Vec<&str> = flags.names().collect();
            Val::Flags(read_list(r, None, |r, _| {
                let index: usize = r.integer()?.try_into().ok()?;
                names.get(index).map(|name| name.to_string())
            })?)
        }
        Type::Own(_) | Type::Borrow(_) => {
            Val::Resource(blob(r.integer()?.try_into().ok()?)?)
        }
        _ => return None,
    })
}

fn read_list<T>(
    r: &mut Reader,
    count: Option<usize>,
    mut item: impl FnMut(&mut Reader, usize) -> Option<T>,
) -> Option<Vec<T>> {
    let found = r.array()?;
    if count.is_some_and(|count| count != found) {
        return None;
    }
    (0..found).map(|i| item(r, i)).collect()
}

/// The length of a case's array, and its index.
fn read_case(r: &mut Reader) -> Option<(usize, usize)> {
    let count = r.array()?;
    let index = r.integer()?.try_into().ok()?;
    (1..=2).contains(&count).then_some((count, index))
}

fn read_payload(
    r: &mut Reader,
    count: usize,
    ty: Option<&Type>,
    blob: MakeBlob,
) -> Option<Option<Box<Val>>> {
    match (count, ty) {
        (1, None) => Some(None),
        (2, Some(ty)) => Some(Some(Box::new(read(r, ty, blob)?))),
        _ => None,
    }
}

/// Appends a value. Err names what has no typed encoding.
pub fn write(
    val: &Val,
    ty: &Type,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    match (val, ty) {
        (Val::Bool(v), _) => put_bool(out, *v),
        (Val::S8(v), _) => put_signed(out, *v as i64),
        (Val::S16(v), _) => put_signed(out, *v as i64),
        (Val::S32(v), _) => put_signed(out, *v as i64),
        (Val::S64(v), _) => put_signed(out, *v),
        (Val::U8(v), _) => put_head(out, UINT, *v as u64),
        (Val::U16(v), _) => put_head(out, UINT, *v as u64),
        (Val::U32(v), _) => put_head(out, UINT, *v as u64),
        (Val::U64(v), _) => put_head(out, UINT, *v),
        (Val::Float32(v), _) => put_float(out, widen(*v)),
        (Val::Float64(v), _) => put_float(out, *v),
        (Val::Char(v), _) => {
            put_string(out, TEXT, v.encode_utf8(&mut [0; 4]).as_bytes());
        }
        (Val::String(v), _) => put_string(out, TEXT, v.as_bytes()),
        (Val::List(items), Type::List(list)) => match list.ty() {
            Type::U8 => write_bytes(items, out),
            ty => {
                put_head(out, ARRAY, items.len() as u64);
                for item in items {
                    write(item, &ty, out)?;
                }
            }
        },
        (Val::Tuple(items), Type::Tuple(tuple)) => {
            put_head(out, ARRAY, items.len() as u64);
            for (item, ty) in items.iter().zip(tuple.types()) {
                write(item, &ty, out)?;
            }
        }
        (Val::Record(items), Type::Record(record)) => {
            put_head(out, ARRAY, items.len() as u64);
            for ((_, item), field) in items.iter().zip(record.fields()) {
                write(item, &field.ty, out)?;
            }
        }
        (Val::Variant(name, payload), Type::Variant(variant)) => {
            let is_it = |case: &Case| case.name == name;
            let index = variant.cases().position(|case| is_it(&case));
            let case = variant.cases().find(is_it).ok_or("a case")?;
            write_case(index, payload, case.ty.as_ref(), out)?;
        }
        (Val::Enum(name), Type::Enum(e)) => {
            let index = e.names().position(|case| case == name);
            write_case(index, &None, None, out)?;
        }
        (Val::Option(None), _) => put_head(out, ARRAY, 0),
        (Val::Option(Some(value)), Type::Option(option)) => {
            put_head(out, ARRAY, 1);
            write(value, &option.ty(), out)?;
        }
        (Val::Result(Ok(payload)), Type::Result(result)) => {
            write_case(Some(0), payload, result.ok().as_ref(), out)?;
        }
        (Val::Result(Err(payload)), Type::Result(result)) => {
            write_case(Some(1), payload, result.err().as_ref(), out)?;
        }
        (Val::Flags(set), Type::Flags(flags)) => {
            put_head(out, ARRAY, set.len() as u64);
            for (index, name) in flags.names().enumerate() {
                if set.iter().any(|one| one == name) {
                    put_head(out, UINT, index as u64);
                }
            }
        }
        _ => return Err("a type that cannot leave the component"),
    }
    Ok(())
}

fn write_bytes(items: &[Val], out: &mut Vec<u8>) {
    put_head(out, BYTES, items.len() as u64);
    out.extend(items.iter().map(|item| match item {
        Val::U8(byte) => *byte,
        _ => 0,
    }));
}

fn write_case(
    index: Option<usize>,
    payload: &Option<Box<Val>>,
    ty: Option<&Type>,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let index = index.ok_or("a case")?;
    put_head(out, ARRAY, if payload.is_some() { 2 } else { 1 });
    put_head(out, UINT, index as u64);
    match (payload, ty) {
        (Some(payload), Some(ty)) => write(payload, ty, out),
        _ => Ok(()),
    }
}

/// Exactly, keeping the bits of a NaN.
pub fn widen(value: f32) -> f64 {
    if !value.is_nan() {
        return value as f64;
    }
    let bits = value.to_bits() as u64;
    let sign = bits >> 31 << 63;
    f64::from_bits(sign | 0x7ff << 52 | (bits & 0x7f_ffff) << 29)
}

/// Undoes widen().
fn narrow(value: f64) -> f32 {
    if !value.is_nan() {
        return value as f32;
    }
    let bits = value.to_bits();
    let sign = (bits >> 63 << 31) as u32;
    f32::from_bits(sign | 0xff << 23 | (bits >> 29) as u32 & 0x7f_ffff)
}

/// The value of numbers and records of them that is all zeros.
pub fn zero(ty: &Type) -> Option<Val> {
    Some(match ty {
        Type::S8 => Val::S8(0),
        Type::U8 => Val::U8(0),
        Type::S16 => Val::S16(0),
        Type::U16 => Val::U16(0),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Record(record) => {
            let fields = record
                .fields()
                .map(|field| Some((field.name.to_string(), zero(&field.ty)?)));
            Val::Record(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
