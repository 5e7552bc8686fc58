// SPDX-License-Identifier: Apache-2.0
// files.mjs IPVM - our files, directories and CARs against
// ipfs-unixfs-importer, ipfs-unixfs-exporter and @ipld/car: random trees.
import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { join } from 'node:path'
import { CarBlockIterator, CarWriter } from '@ipld/car'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { exporter } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import { Chance, Check, seed } from './lib.mjs'

const program = process.argv[2]
const chance = new Chance(seed)
const TREES = Number(process.env.IPVM_CASES ?? 6)
const MiB = 1 << 20

const ipvm = (...words) => execFileSync(program, words, { maxBuffer: 64 * MiB }).toString().trim()

// --- Trees ------------------------------------------------------------------

const sizes = [0, 1, 10, 1000, 256 * 1024, 256 * 1024 + 1, MiB - 1, MiB, MiB + 1, 3 * MiB + 5]
const names = ['a', 'b', 'readme.txt', 'é', '漢字', '😀', 'with blank', '-dash', '.hidden', 'UPPER', 'x'.repeat(200), '%41', "quote'\""]

// {path: bytes}; a directory without a file in it ends in '/'.
function randomTree (width, depth, path = '') {
  const tree = {}
  for (let count = 1 + chance.below(width); count > 0; count--) {
    const name = chance.one(names) + (chance.below(3) ? chance.below(1000) : '')
    const child = path + name
    if (Object.keys(tree).some(other => other === child || other.startsWith(child + '/'))) continue
    if (depth > 0 && chance.below(3) === 0) Object.assign(tree, randomTree(width, depth - 1, child + '/'))
    else tree[child] = chance.bytes(width > 100 ? chance.below(20) : chance.one(sizes))
  }
  return tree
}

function writeTree (tree, root) {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root)
  for (const [path, bytes] of Object.entries(tree)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), bytes)
  }
}

// A directory of `count` files whose node is as long as one likes.
const wide = count => Object.fromEntries(Array.from({ length: count }, (_, index) => [`file-${index}`, new Uint8Array([index % 251])]))

// --- Blocks -----------------------------------------------------------------

class Blocks {
  constructor () { this.map = new Map() }
  async put (cid, bytes) { this.map.set(cid.toString(), { cid, bytes }); return cid }
  async * get (cid) {
    const found = this.map.get(cid.toString())
    if (!found) throw new Error(`no block ${cid}`)
    yield found.bytes
  }
}

async function importedBy (tree, options) {
  const blocks = new Blocks()
  let root
  const source = Object.entries(tree).map(([path, content]) => ({ path, content }))
  for await (const entry of importer(source, blocks, options)) root = entry.cid
  return { root, blocks }
}

const profile = { profile: 'unixfs-v1-2025', wrapWithDirectory: true }
const legacy = { cidVersion: 1, rawLeaves: true, chunker: fixedSize({ chunkSize: 256 * 1024 }), layout: balanced({ maxChildrenPerNode: 174 }) }

// --- Checks -----------------------------------------------------------------

const trees = new Check('a tree of files has the same CID')
const exported = new Check('what we export, they read')
const imported = new Check('what they write as CAR, we read')

async function readOurs (root, tree, file) {
  ipvm('export', '-q', root, '-o', file)
  const blocks = new Blocks()
  for await (const { cid, bytes } of await CarBlockIterator.fromIterable(createReadStream(file))) await blocks.put(cid, bytes)
  const found = await filesBelow(CID.parse(root), blocks)
  exported.equal(Object.keys(found).length, Object.keys(tree).length, 'files')
  for (const [path, bytes] of Object.entries(tree)) {
    exported.equal(found[path]?.equals(Buffer.from(bytes)), true, path)
  }
}

// {path: bytes} of all files below a directory, as the exporter reads them.
async function filesBelow (cid, blocks, path = '', found = {}) {
  const entry = await exporter(cid, blocks)
  if (entry.type === 'directory') {
    for await (const child of entry.entries()) await filesBelow(child.cid, blocks, path === '' ? child.name : `${path}/${child.name}`, found)
  } else {
    const pieces = []
    for await (const piece of entry.content()) pieces.push(piece)
    found[path] = Buffer.concat(pieces)
  }
  return found
}

async function readTheirs ({ root, blocks }, tree, file) {
  const { writer, out } = CarWriter.create([root])
  const written = pipeline(Readable.from(out), createWriteStream(file))
  // In no order, and some twice: nothing says otherwise.
  const all = [...blocks.map.values()].sort(() => chance.below(3) - 1)
  for (const block of all) {
    await writer.put(block)
    if (chance.below(5) === 0) await writer.put(block)
  }
  await writer.close()
  await written
  const store = `--store=${file}.store`
  ipvm('import', '-q', store, file)
  ipvm('get', '-q', store, root.toString(), '-o', file + '.out')
  for (const [path, bytes] of Object.entries(tree)) {
    imported.equal(readFileSync(join(file + '.out', path)).equals(Buffer.from(bytes)), true, path)
  }
  rmSync(file + '.store', { recursive: true })
  rmSync(file + '.out', { recursive: true })
}

async function oneTree (tree, index) {
  const directory = `tree-${index}`
  writeTree(tree, directory)
  const theirs = await importedBy(tree, profile)
  const ours = ipvm('add', '-q', '--hidden', directory)
  trees.equal(ours, theirs.root.toString(), directory)
  trees.equal(ipvm('add', '-q', '--hidden', '--only-hash', directory), ours, 'only hashed')
  if (ours === theirs.root.toString()) {
    await readOurs(ours, tree, directory + '.car')
    await readTheirs(theirs, tree, directory + '.theirs.car')
  }
  rmSync(directory, { recursive: true })
}

for (let index = 0; index < TREES; index++) await oneTree(randomTree(7, 3), index)
// About where a directory becomes sharded, and far above.
for (const count of [4500, 5000, 5500, 12000]) await oneTree(wide(count), count)
await oneTree(randomTree(9000, 0), 'wide')
trees.end()
exported.end()
imported.end()

const files = new Check('a file has the same CID in the profile and as older Kubo had it')
for (const size of [...sizes, 44 * MiB]) {
  const bytes = chance.bytes(size)
  writeFileSync('file', bytes)
  for (const [options, words] of [[profile, []], [legacy, ['--chunk-size', '256KiB']]]) {
    const { root } = await importedBy({ file: bytes }, { ...options, wrapWithDirectory: false })
    files.equal(ipvm('add', '-q', ...words, 'file'), root.toString(), `${size} bytes ${words}`)
  }
}
files.end()
