// SPDX-License-Identifier: Apache-2.0
//! As much CBOR as crosses the door: definite lengths, shortest heads.

pub const UINT: u8 = 0;
pub const NEGATIVE: u8 = 1;
pub const BYTES: u8 = 2;
pub const TEXT: u8 = 3;
pub const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

/// A DAG-CBOR value to be written.
pub enum Item {
    Null,
    Bool(bool),
    Int(u64),
    Text(String),
    List(Vec<Item>),
    Map(Vec<(&'static str, Item)>),
}

impl Item {
    pub fn text(text: impl Into<String>) -> Item {
        Item::Text(text.into())
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Item::Null => out.push(0xf6),
            Item::Bool(value) => put_bool(out, *value),
            Item::Int(value) => put_head(out, UINT, *value),
            Item::Text(text) => put_string(out, TEXT, text.as_bytes()),
            Item::List(items) => {
                put_head(out, ARRAY, items.len() as u64);
                items.iter().for_each(|item| item.encode(out));
            }
            Item::Map(entries) => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by_key(|(key, _)| (key.len(), *key));
                put_head(out, MAP, entries.len() as u64);
                for (key, item) in sorted {
                    put_string(out, TEXT, key.as_bytes());
                    item.encode(out);
                }
            }
        }
    }
}

pub fn put_head(out: &mut Vec<u8>, major: u8, value: u64) {
    let top = major << 5;
    match value {
        0..=23 => out.push(top | value as u8),
        24..=0xff => out.extend([top | 24, value as u8]),
        0x100..=0xffff => {
            out.push(top | 25);
            out.extend((value as u16).to_be_bytes());
        }
        0x10000..=0xffff_ffff => {
            out.push(top | 26);
            out.extend((value as u32).to_be_bytes());
        }
        _ => {
            out.push(top | 27);
            out.extend(value.to_be_bytes());
        }
    }
}

pub fn put_string(out: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    put_head(out, major, bytes.len() as u64);
    out.extend(bytes);
}

pub fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xf5 } else { 0xf4 });
}

pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    match value {
        0.. => put_head(out, UINT, value as u64),
        _ => put_head(out, NEGATIVE, !value as u64),
    }
}

pub fn put_float(out: &mut Vec<u8>, value: f64) {
    out.push(0xfb);
    out.extend(value.to_bits().to_be_bytes());
}

/// Reads what put_* writes. None: not that.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn head(&mut self) -> Option<(u8, u64)> {
        let first = self.take(1)?[0];
        let value = match first & 31 {
            small @ 0..=23 => small as u64,
            wide @ 24..=27 => {
                let bytes = self.take(1 << (wide - 24))?;
                bytes.iter().fold(0, |sum, byte| sum << 8 | *byte as u64)
            }
            _ => return None,
        };
        Some((first >> 5, value))
    }

    pub fn string(&mut self, major: u8) -> Option<&'a [u8]> {
        match self.head()? {
            (found, len) if found == major => {
                self.take(usize::try_from(len).ok()?)
            }
            _ => None,
        }
    }

    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.string(TEXT)?).ok()
    }

    /// Length of an array. Never more than bytes that are left.
    pub fn array(&mut self) -> Option<usize> {
        match self.head()? {
            (ARRAY, count) if count <= self.rest.len() as u64 => {
                Some(count as usize)
            }
            _ => None,
        }
    }

    pub fn integer(&mut self) -> Option<i128> {
        match self.head()? {
            (UINT, value) => Some(value as i128),
            (NEGATIVE, value) => Some(-1 - value as i128),
            _ => None,
        }
    }

    pub fn bool(&mut self) -> Option<bool> {
        match self.head()? {
            (SIMPLE, 20) => Some(false),
            (SIMPLE, 21) => Some(true),
            _ => None,
        }
    }

    pub fn float(&mut self) -> Option<f64> {
        match self.take(1)?[0] {
            0xfb => {
                let bytes = self.take(8)?.try_into().ok()?;
                Some(f64::from_bits(u64::from_be_bytes(bytes)))
            }
            _ => None,
        }
    }
}
