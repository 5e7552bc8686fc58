// SPDX-License-Identifier: Apache-2.0
//! ipvm:content for components: a blob is a number that the host knows, and
//! each function is one call of it (docs/formats/content-import.md).

use crate::cbor::{BYTES, Item, Reader};
use crate::component::State;
use crate::describe_types::TypeTable;
use crate::door::*;
use wasmtime::component::{
    ComponentType, LinkerInstance, Lower, Resource, ResourceType,
};
use wasmtime::{Error, Result, StoreContextMut};
use wit_parser::{Function, Resolve, WorldItem};

/// The package, for `ipvm embed` and to compare imports with.
pub const WIT: &str = include_str!("../../guest/wit/ipvm-content.wit");
pub const INTERFACE: &str = "ipvm:content/types@1.0.0";

pub struct Blob;

/// enum engine_content.
#[repr(u32)]
enum Verb {
    Open,
    Kind,
    Size,
    Read,
    Entries,
    Find,
    Drop,
}

/// struct engine_content_call.
#[repr(C)]
pub struct Call {
    verb: u32,
    blob: u32,
    offset: u64,
    count: u32,
    bytes: View,
    number: u64,
    out: View,
}

impl Call {
    fn new(verb: Verb) -> Call {
        let none = View::of(&[]);
        Call {
            verb: verb as u32,
            blob: 0,
            offset: 0,
            count: 0,
            bytes: none,
            number: 0,
            out: none,
        }
    }

    fn of(verb: Verb, blob: &Resource<Blob>) -> Call {
        Call { blob: blob.rep(), ..Call::new(verb) }
    }

    fn run(mut self, store: &StoreContextMut<State>) -> Result<Call> {
        store.data().content(&mut self).map_err(Error::new)?;
        Ok(self)
    }
}

#[derive(ComponentType, Lower, Clone, Copy)]
#[component(enum)]
#[repr(u8)]
enum Kind {
    #[component(name = "file")]
    File,
    #[component(name = "directory")]
    Directory,
    #[component(name = "symlink")]
    Symlink,
    #[component(name = "block")]
    Block,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Entry {
    #[component(name = "name")]
    name: String,
    #[component(name = "link")]
    link: Vec<u8>,
}

/// Its functions, as a component imports them.
pub fn has(function: &str) -> bool {
    matches!(
        function,
        "open"
            | "[method]blob.kind"
            | "[method]blob.size"
            | "[method]blob.read"
            | "[method]blob.entries"
            | "[method]blob.find"
    )
}

pub fn offer_blob(inside: &mut LinkerInstance<State>) -> Result<()> {
    let ty = ResourceType::host::<Blob>();
    inside.resource("blob", ty, |store, rep| {
        Call { blob: rep, ..Call::new(Verb::Drop) }.run(&store)?;
        Ok(())
    })
}

type Store<'a> = StoreContextMut<'a, State>;
type This = Resource<Blob>;

/// Functions of other names are not asked for: has().
pub fn offer(inside: &mut LinkerInstance<State>, name: &str) -> Result<()> {
    match name {
        "open" => {
            inside.func_wrap(name, |store: Store, (link,): (Vec<u8>,)| {
                let bytes = View::of(&link);
                let call = Call { bytes, ..Call::new(Verb::Open) };
                let call = call.run(&store)?;
                Ok((Resource::<Blob>::new_own(call.number as u32),))
            })
        }
        "[method]blob.kind" => {
            inside.func_wrap(name, |store: Store, (this,): (This,)| {
                Ok((kind(Call::of(Verb::Kind, &this).run(&store)?.number),))
            })
        }
        "[method]blob.size" => {
            inside.func_wrap(name, |store: Store, (this,): (This,)| {
                Ok((Call::of(Verb::Size, &this).run(&store)?.number,))
            })
        }
        "[method]blob.read" => {
            inside.func_wrap(name, |store: Store, params| {
                let (this, offset, count): (This, u64, u32) = params;
                let call = Call::of(Verb::Read, &this);
                let call = Call { offset, count, ..call }.run(&store)?;
                Ok((call.out.bytes().to_vec(),))
            })
        }
        "[method]blob.entries" => {
            inside.func_wrap(name, |store: Store, params| {
                let (this, offset, count): (This, u64, u32) = params;
                let call = Call::of(Verb::Entries, &this);
                let call = Call { offset, count, ..call }.run(&store)?;
                let list = entries(call.out.bytes());
                Ok((list.ok_or(Error::new(Halt::Stop))?,))
            })
        }
        _ => inside.func_wrap(name, |store: Store, params| {
            let (this, word): (This, String) = params;
            let bytes = View::of(word.as_bytes());
            let call = Call { bytes, ..Call::of(Verb::Find, &this) };
            let call = call.run(&store)?;
            let found = call.number != 0;
            Ok((found.then(|| call.out.bytes().to_vec()),))
        }),
    }
}

fn kind(number: u64) -> Kind {
    match number {
        0 => Kind::File,
        1 => Kind::Directory,
        2 => Kind::Symlink,
        _ => Kind::Block,
    }
}

/// A list of [name, link] in the typed encoding.
fn entries(encoded: &[u8]) -> Option<Vec<Entry>> {
    let mut reader = Reader::new(encoded);
    let count = reader.array()?;
    (0..count)
        .map(|_| {
            reader.array()?;
            let name = reader.text()?.to_string();
            let link = reader.string(BYTES)?.to_vec();
            Some(Entry { name, link })
        })
        .collect()
}

/// Whether an import named as one of ours has the types of ours.
pub fn fits(resolve: &Resolve, function: &Function) -> bool {
    let mut ours = Resolve::default();
    if ours.push_str("ipvm-content.wit", WIT).is_err() {
        return false;
    }
    let own = ours
        .interfaces
        .iter()
        .find_map(|(_, interface)| interface.functions.get(&function.name));
    own.is_some_and(|own| shape(&ours, own) == shape(resolve, function))
}

fn shape(resolve: &Resolve, function: &Function) -> Option<Vec<u8>> {
    let mut types = TypeTable::new(resolve);
    let mut order = Vec::new();
    for param in &function.params {
        order.push(types.index(&param.ty).ok()?);
    }
    if let Some(result) = &function.result {
        order.push(types.index(result).ok()?);
    }
    let mut out = Vec::new();
    Item::List(vec![Item::List(types.items), Item::List(order)])
        .encode(&mut out);
    out.push(function.result.is_some() as u8);
    Some(out)
}

/// The function of ours that a world imports with other types than ours.
pub fn misfit<'a>(
    resolve: &'a Resolve,
    name: &str,
    item: &'a WorldItem,
) -> Option<&'a str> {
    let WorldItem::Interface { id, .. } = item else {
        return None;
    };
    if name != INTERFACE {
        return None;
    }
    let functions = &resolve.interfaces[*id].functions;
    let mut known = functions.values().filter(|f| has(&f.name));
    known.find(|f| !fits(resolve, f)).map(|f| f.name.as_str())
}
