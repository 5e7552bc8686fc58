// SPDX-License-Identifier: Apache-2.0
// codecs.mjs PEER - our codecs against @ipld/dag-cbor, dag-json, dag-pb and
// multiformats: random values, then the same bytes damaged.
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { sha256, sha512 } from 'multiformats/hashes/sha2'
import { identity } from 'multiformats/hashes/identity'
import { base16 } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64, base64url, base64urlpad } from 'multiformats/bases/base64'
import { Chance, Check, Peer, hex, seed } from './lib.mjs'

const peer = new Peer(process.argv[2])
const chance = new Chance(seed)
const VALUES = Number(process.env.IPVM_CASES ?? 3000)

// --- Values -----------------------------------------------------------------

const texts = ['', 'a', '/', 'bytes', 'key', 'é', '漢字', '😀', '\u0000', '"\\\n\t', 'x'.repeat(300)]

function randomCid () {
  const digest = chance.below(8) === 0
    ? identity.digest(chance.bytes(chance.below(20)))
    : Digest.create(chance.one([0x12, 0x14, 0x1e, 0xb220]), chance.bytes(32))
  if (digest.code === 0x12 && chance.below(4) === 0) return CID.createV0(digest)
  return CID.createV1(chance.one([0x55, 0x70, 0x71, 0x0129, 0x72, 0xf101]), digest)
}

const numbers = [0, 1, -1, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296,
  Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 18446744073709551615n,
  9007199254740992n, -9223372036854775808n, 0.5, -0.1, 1e300, 5e-324, 1.5e-10, -2.25, 1e21 + 0.5]

function randomValue (depth) {
  const kind = chance.below(depth > 4 ? 7 : 9)
  switch (kind) {
    case 0: return null
    case 1: return chance.below(2) === 0
    case 2: return chance.one(numbers)
    case 3: return chance.below(1 << 20) - (1 << 19)
    case 4: return chance.one(texts) + chance.one(texts)
    case 5: return chance.bytes(chance.below(70))
    case 6: return randomCid()
    case 7: return Array.from({ length: chance.below(6) }, () => randomValue(depth + 1))
    default: {
      const map = {}
      for (let count = chance.below(6); count > 0; count--) map[chance.one(texts) + chance.below(30)] = randomValue(depth + 1)
      return map
    }
  }
}

async function values () {
  const check = new Check('a value has the same DAG-CBOR and DAG-JSON bytes and the same CID')
  for (let index = 0; index < VALUES; index++) {
    const value = randomValue(0)
    const cbor = dagCbor.encode(value)
    const json = dagJson.encode(value)
    const name = CID.createV1(dagCbor.code, await sha256.digest(cbor)).toString()
    const [toJson, toCbor, named] = await Promise.all([
      peer.ask('convert', 'dag-cbor', 'dag-json', hex(cbor)),
      peer.ask('convert', 'dag-json', 'dag-cbor', hex(json)),
      peer.ask('name', 'dag-cbor', '0x12', hex(cbor))])
    check.equal(toJson.text, hex(json), `DAG-JSON of ${Buffer.from(json)}`)
    check.equal(toCbor.text, hex(cbor), `DAG-CBOR of ${Buffer.from(json)}`)
    check.equal(named.text, name, 'CID')
  }
  check.end()
}

// --- Damage -----------------------------------------------------------------

function damage (bytes) {
  const out = Array.from(bytes)
  const at = chance.below(out.length + 1)
  switch (chance.below(5)) {
    case 0: if (at < out.length) out[at] ^= 1 << chance.below(8); break
    case 1: out.splice(at); break
    case 2: out.splice(at, 0, chance.below(256)); break
    case 3: out.splice(at, 1 + chance.below(3)); break
    default: if (at < out.length) out[at] = chance.one([0x18, 0x19, 0x1a, 0x1b, 0x9f, 0xbf, 0xf7, 0xf9, 0xfa, 0xfb, 0xd8, 0xff, 0x7f, 0x22, 0x00])
  }
  return Uint8Array.from(out)
}

// What the other side makes of a block: null if it refuses to read it, else
// the bytes it would write for what it read (none where it would not write).
function readBy (codec, bytes) {
  let value
  try {
    value = codec.decode(bytes)
  } catch {
    return null
  }
  try {
    return codec.encode(value)
  } catch {
    return new Uint8Array()
  }
}

function isUtf8 (bytes) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

// A number in JavaScript does not say whether it was an integer or a float.
const hasWholeFloat = bytes => hex(bytes).includes('fb')

async function damagedCbor () {
  const check = new Check('damaged DAG-CBOR is taken or refused alike')
  for (let index = 0; index < VALUES * 2; index++) {
    const bytes = damage(dagCbor.encode(randomValue(1)))
    const theirs = readBy(dagCbor, bytes)
    const ours = await peer.ask('convert', 'dag-cbor', 'dag-cbor', hex(bytes))
    if (ours.ok && ours.text !== hex(bytes)) check.equal(ours.text, hex(bytes), 'what we take we write the same')
    else if (ours.ok === (theirs !== null)) check.count++
    else if (ours.ok) {
      if (hasWholeFloat(bytes)) check.differs('a float that is whole comes back as an integer there, and may pass its range')
      else check.equal('taken', 'refused', hex(bytes))
    } else if (hex(theirs) !== hex(bytes)) check.differs('taken there though it would be written otherwise: not canonical')
    else check.equal(`refused: ${ours.text}`, 'taken', hex(bytes))
  }
  check.end()
}

async function damagedJson () {
  const check = new Check('damaged DAG-JSON is taken or refused alike')
  for (let index = 0; index < VALUES * 2; index++) {
    const bytes = damage(dagJson.encode(randomValue(1)))
    const theirs = readBy(dagJson, bytes)
    const ours = await peer.ask('convert', 'dag-json', 'dag-json', hex(bytes))
    const text = Buffer.from(bytes).toString('latin1')
    if (ours.ok === (theirs !== null)) check.count++
    else if (ours.ok && /(^|[^0-9.])-?0[eE]/.test(text)) check.differs('zero with an exponent is refused there')
    else if (ours.ok && /"\/":"[BFUkKfbVvTt]/.test(text)) check.differs('letters of the other case, in a base that has one, are refused there')
    else if (ours.ok && /\s$/.test(text)) check.differs('blanks behind the value are refused there')
    else if (ours.ok) check.equal('taken', 'refused', text)
    else if (/,[}\]]/.test(text)) check.differs('a comma behind the last member is taken there')
    else if (ours.text.includes('bad escape')) check.differs("\\' is taken there")
    else if (ours.text.endsWith('too large for a float')) check.differs('a number beyond the floats is infinite there')
    else if (ours.text.includes('reserved key "/"')) check.differs('a link or bytes spelt wrongly is taken there, as a map or mended')
    else if (/[0-9](\.|[eE][+-]?)([^0-9+-]|$)/.test(text)) check.differs('a number that ends in its point or exponent is taken there')
    else if (!isUtf8(bytes)) check.differs('bytes that are no UTF-8 become U+FFFD there')
    else check.equal(`refused: ${ours.text}`, 'taken', text)
  }
  check.end()
}

// --- dag-pb -----------------------------------------------------------------

function randomNode () {
  const links = Array.from({ length: chance.below(5) }, () => {
    const link = { Hash: randomCid() }
    if (chance.below(4) > 0) link.Name = chance.one(texts).replaceAll('\u0000', '') + chance.below(9)
    if (chance.below(4) > 0) link.Tsize = chance.below(1 << 30)
    return link
  })
  return dagPb.prepare({ Links: links, ...(chance.below(3) ? { Data: chance.bytes(chance.below(40)) } : {}) })
}

async function nodes () {
  const same = new Check('a dag-pb node has the same bytes')
  const damaged = new Check('damaged dag-pb is taken or refused alike')
  for (let index = 0; index < VALUES; index++) {
    const node = randomNode()
    const bytes = dagPb.encode(node)
    const json = dagJson.encode(node)
    const [toPb, toJson, links] = await Promise.all([
      peer.ask('convert', 'dag-json', 'dag-pb', hex(json)),
      peer.ask('convert', 'dag-pb', 'dag-json', hex(bytes)),
      peer.ask('links', 'dag-pb', hex(bytes))])
    same.equal(toPb.text, hex(bytes), `dag-pb of ${Buffer.from(json)}`)
    same.equal(toJson.text, hex(json), `node of ${hex(bytes)}`)
    same.equal(links.text, node.Links.map(link => link.Hash.toString()).join(' '), 'links')
    const bad = damage(bytes)
    const theirs = readBy(dagPb, bad)
    const ours = await peer.ask('convert', 'dag-pb', 'dag-json', hex(bad))
    if (ours.ok === (theirs !== null)) damaged.count++
    else if (!ours.ok && hex(theirs) !== hex(bad)) damaged.differs('taken there though it would be written otherwise: not canonical')
    else damaged.equal(ours.ok ? 'taken' : `refused: ${ours.text}`, theirs ? 'taken' : 'refused', hex(bad))
  }
  same.end()
  damaged.end()
}

// --- CIDs -------------------------------------------------------------------

async function cids () {
  const check = new Check('CIDs are read in every base and named under every hash alike')
  const bases = [base16, base32, base32upper, base36, base58btc, base64, base64url, base64urlpad]
  for (let index = 0; index < VALUES; index++) {
    const cid = randomCid()
    const text = cid.version === 0 ? cid.toString() : cid.toString(chance.one(bases))
    check.equal((await peer.ask('cid', text)).text, cid.toString(), text)
    const bytes = chance.bytes(chance.below(100))
    const hash = chance.one([sha256, sha512])
    const name = CID.createV1(0x55, await hash.digest(bytes))
    check.equal((await peer.ask('name', 'raw', String(hash.code), hex(bytes))).text, name.toString(), hex(bytes))
  }
  check.end()
}

await values()
await damagedCbor()
await damagedJson()
await nodes()
await cids()
peer.close()
