// SPDX-License-Identifier: Apache-2.0
// gateway.mjs URL IPVM - a client that trusts nothing, out of public parts:
// @ipld/car, multiformats and ipfs-unixfs-exporter read what a node gives, block
// by block and as CARs; every block is hashed here.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CarBlockIterator } from '@ipld/car'
import * as dagPb from '@ipld/dag-pb'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { Chance, Check, hex, seed } from './lib.mjs'

const [url, program] = process.argv.slice(2)
const chance = new Chance(seed)
const MiB = 1 << 20
const RANGES = Number(process.env.IPVM_CASES ?? 12)

const ipvm = (...words) => execFileSync(program, words, { maxBuffer: 64 * MiB }).toString().trim()

async function get (path, headers = {}) {
  const answer = await fetch(url + path, { headers })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer
}
const bytesOf = async answer => Buffer.from(await answer.arrayBuffer())

async function verify (cid, bytes) {
  if (cid.multihash.code !== sha256.code) throw new Error(`hash ${cid.multihash.code}`)
  const digest = await sha256.digest(bytes)
  if (hex(digest.digest) !== hex(cid.multihash.digest)) throw new Error(`${cid} is a lie`)
}

// --- Where the exporter has its blocks from -----------------------------------

// From the node, one by one.
class RemoteBlocks {
  constructor () { this.asked = [] }
  async * get (cid) {
    const bytes = await bytesOf(await get(`/ipfs/${cid}?format=raw`))
    await verify(cid, bytes)
    this.asked.push(cid.toString())
    yield bytes
  }
}

// Out of one CAR, and nothing else.
class CarBlocks {
  static async of (path, headers) {
    const answer = await get(path, { accept: 'application/vnd.ipld.car', ...headers })
    const blocks = new CarBlocks()
    blocks.type = answer.headers.get('content-type')
    blocks.order = []
    blocks.map = new Map()
    const iterator = await CarBlockIterator.fromIterable(answer.body)
    blocks.roots = (await iterator.getRoots()).map(String)
    for await (const { cid, bytes } of iterator) {
      await verify(cid, bytes)
      blocks.order.push(cid.toString())
      blocks.map.set(hex(cid.multihash.bytes), bytes)
    }
    return blocks
  }

  async * get (cid) {
    const bytes = this.map.get(hex(cid.multihash.bytes))
    if (!bytes) throw new Error(`${cid} is not in the CAR`)
    yield bytes
  }
}

async function contentOf (entry, options) {
  const pieces = []
  for await (const piece of entry.content(options)) pieces.push(piece)
  return Buffer.concat(pieces)
}

// What a depth-first walk of UnixFS meets, in order.
async function walk (cid, blocks, met = []) {
  met.push(cid.toString())
  if (cid.code !== dagPb.code) return met
  for await (const bytes of blocks.get(cid)) {
    for (const link of dagPb.decode(bytes).Links) await walk(link.Hash, blocks, met)
  }
  return met
}

// --- What there is ------------------------------------------------------------

// Small chunks make a file with many blocks; the tail repeats what came before.
const half = chance.bytes(300 * 1024)
const big = Buffer.concat([half, half])
const wide = Object.fromEntries(Array.from({ length: 6000 }, (_, index) => [`wide/file number ${index}`, `${index}`]))
const tree = { 'a/b/big': big, 'a/é ü%2F?#.txt': 'text', 'a/empty': '', ...wide }
rmSync('tree', { recursive: true, force: true })
for (const [path, bytes] of Object.entries(tree)) {
  mkdirSync(join('tree', dirname(path)), { recursive: true })
  writeFileSync(join('tree', path), bytes)
}
const root = ipvm('add', '-q', '--chunk-size', '1024', 'tree').split('\n').pop()
const below = path => `/ipfs/${root}/${path.split('/').map(encodeURIComponent).join('/')}`

// --- Checks -------------------------------------------------------------------

const plain = new Check('a file comes as it was added')
for (const path of ['a/b/big', 'a/é ü%2F?#.txt', 'a/empty', 'wide/file number 4321']) {
  plain.equal(hex(await bytesOf(await get(below(path)))), hex(Buffer.from(tree[path])), path)
}
plain.end()

const single = new Check('a file is fetched block by block')
const big1 = await exporter(`${root}/a/b/big`, new RemoteBlocks())
single.equal((await contentOf(big1)).equals(big), true, 'big')
const one = await exporter(`${root}/wide/file number 77`, new RemoteBlocks())
single.equal((await contentOf(one)).toString(), '77', 'out of a sharded directory')
single.end()

const whole = new Check('a CAR of a path proves it')
for (const path of ['a/b/big', 'a/é ü%2F?#.txt', 'a/empty', 'wide/file number 5']) {
  const blocks = await CarBlocks.of(below(path))
  const entry = await exporter(`${root}/${path}`, blocks)
  whole.equal((await contentOf(entry)).equals(Buffer.from(tree[path])), true, path)
  whole.equal(blocks.roots.join(), entry.cid.toString(), `the root of ${path}`)
  whole.equal(blocks.order[0], root, `the first block of ${path}`)
  whole.equal(new Set(blocks.order).size, blocks.order.length, `no block twice: ${path}`)
}
whole.end()

const order = new Check('a CAR is depth first, with repeats if they are asked for')
const cid = big1.cid
for (const dups of ['n', 'y']) {
  const blocks = await CarBlocks.of(`/ipfs/${cid}`, { accept: `application/vnd.ipld.car; version=1; order=dfs; dups=${dups}` })
  const met = await walk(cid, blocks)
  const expected = dups === 'y' ? met : [...new Set(met)]
  order.equal(blocks.type, `application/vnd.ipld.car; version=1; order=dfs; dups=${dups}`, 'type')
  order.equal(blocks.order.join(), expected.join(), `dups=${dups}`)
}
order.end()

const ranges = new Check('entity-bytes has the blocks of a range, and no others')
for (let count = 0; count < RANGES; count++) {
  const from = chance.below(big.length)
  const to = Math.min(from + chance.below(1 << chance.below(19)), big.length - 1)
  const blocks = await CarBlocks.of(`/ipfs/${cid}?format=car&entity-bytes=${from}:${to}`)
  const asked = new RemoteBlocks()
  const expected = big.subarray(from, to + 1)
  const options = { offset: from, length: to - from + 1 }
  const ours = await contentOf(await exporter(cid, blocks), options)
  const remote = await contentOf(await exporter(cid, asked), options)
  ranges.equal(ours.equals(expected) && remote.equals(expected), true, `${from}:${to}`)
  ranges.equal([...blocks.order].sort().join(), [...new Set(asked.asked)].sort().join(), `blocks of ${from}:${to}`)
}
ranges.end()

const scopes = new Check('dag-scope is as large as it is said')
const block = await CarBlocks.of(`${below('wide')}?dag-scope=block`)
scopes.equal(block.order.length, 2, 'block: the root and the directory')
const entity = await CarBlocks.of(`${below('wide')}?dag-scope=entity`)
const names = []
for await (const child of (await exporter(`${root}/wide`, entity)).entries()) names.push(child.name)
scopes.equal(names.length, 6000, 'entity: what lists a sharded directory')
const all = await CarBlocks.of(`${below('wide')}?dag-scope=all`)
scopes.equal(all.order.length, entity.order.length + 6000, 'all: its files, too')
scopes.end()
