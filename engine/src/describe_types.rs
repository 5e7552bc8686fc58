// SPDX-License-Identifier: Apache-2.0
//! WIT types as the table of a module description.

use crate::cbor::Item;
use std::collections::HashMap;
use wit_parser::{Handle, Resolve, Type, TypeDefKind, TypeId, TypeOwner};

const TYPES_MAX: usize = 16_384;
const LEVELS_MAX: usize = 100;

/// Passed bounds, for the message.
pub type Bound = String;

pub struct TypeTable<'a> {
    resolve: &'a Resolve,
    pub items: Vec<Item>,
    known: HashMap<Type, u64>,
}

impl<'a> TypeTable<'a> {
    pub fn new(resolve: &'a Resolve) -> TypeTable<'a> {
        TypeTable { resolve, items: Vec::new(), known: HashMap::new() }
    }

    /// The index of a type; it and what it refers to are added once.
    pub fn index(&mut self, ty: &Type) -> Result<Item, Bound> {
        self.number(ty, 0).map(Item::Int)
    }

    fn number(&mut self, ty: &Type, level: usize) -> Result<u64, Bound> {
        if let Some(index) = self.known.get(ty) {
            return Ok(*index);
        }
        if level > LEVELS_MAX {
            return Err(format!("a type has more than {LEVELS_MAX} levels"));
        }
        let item = match ty {
            Type::Id(id) => {
                if let TypeDefKind::Type(same) = self.resolve.types[*id].kind {
                    return self.number(&same, level + 1);
                }
                self.defined(*id, level + 1)?
            }
            Type::ErrorContext => unsupported("error-context"),
            simple => Item::text(simple_name(simple)),
        };
        if self.items.len() >= TYPES_MAX {
            return Err(format!("more than {TYPES_MAX} types"));
        }
        let index = self.items.len() as u64;
        self.items.push(item);
        self.known.insert(*ty, index);
        Ok(index)
    }

    fn defined(&mut self, id: TypeId, level: usize) -> Result<Item, Bound> {
        let resolve = self.resolve;
        let kind = &resolve.types[id].kind;
        let name = kind.as_str();
        let body = match kind {
            TypeDefKind::List(ty) | TypeDefKind::Option(ty) => {
                Item::Int(self.number(ty, level)?)
            }
            TypeDefKind::Result(r) => Item::List(vec![
                self.maybe(&r.ok, level)?,
                self.maybe(&r.err, level)?,
            ]),
            TypeDefKind::Tuple(tuple) => {
                let mut list = Vec::new();
                for ty in &tuple.types {
                    list.push(Item::Int(self.number(ty, level)?));
                }
                Item::List(list)
            }
            TypeDefKind::Record(record) => {
                let mut list = Vec::new();
                for field in &record.fields {
                    let index = Item::Int(self.number(&field.ty, level)?);
                    list.push(pair(&field.name, index));
                }
                Item::List(list)
            }
            TypeDefKind::Variant(variant) => {
                let mut list = Vec::new();
                for case in &variant.cases {
                    let index = self.maybe(&case.ty, level)?;
                    list.push(pair(&case.name, index));
                }
                Item::List(list)
            }
            TypeDefKind::Enum(e) => names(e.cases.iter().map(|c| &c.name)),
            TypeDefKind::Flags(f) => names(f.flags.iter().map(|c| &c.name)),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                Item::text(self.resource(*id))
            }
            _ => return Ok(unsupported(name)),
        };
        Ok(Item::Map(vec![(name, body)]))
    }

    fn maybe(
        &mut self,
        ty: &Option<Type>,
        level: usize,
    ) -> Result<Item, Bound> {
        match ty {
            Some(ty) => Ok(Item::Int(self.number(ty, level)?)),
            None => Ok(Item::Null),
        }
    }

    /// "pkg:ns/iface@ver/resource".
    fn resource(&self, id: TypeId) -> String {
        let mut def = &self.resolve.types[id];
        while let TypeDefKind::Type(Type::Id(same)) = def.kind {
            def = &self.resolve.types[same];
        }
        let name = def.name.as_deref().unwrap_or("resource");
        match def.owner {
            TypeOwner::Interface(owner) => match self.resolve.id_of(owner) {
                Some(owner) => format!("{owner}/{name}"),
                None => name.to_string(),
            },
            _ => name.to_string(),
        }
    }
}

fn pair(name: &str, index: Item) -> Item {
    Item::List(vec![Item::text(name), index])
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> Item {
    Item::List(names.map(Item::text).collect())
}

fn unsupported(what: &str) -> Item {
    Item::Map(vec![("unsupported", Item::text(what))])
}

fn simple_name(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext | Type::Id(_) => unreachable!(),
    }
}
