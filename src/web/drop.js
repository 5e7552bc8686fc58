// SPDX-License-Identifier: Apache-2.0
// drop.js - files dropped on the page: a manifest runs, with the files it
// names if they were dropped with it; a CAR file is imported; others are added.

import { cidOf, request } from '/api.js'
import { toast } from '/dom.js'
import { addFile } from '/field.js'
import { plural } from '/format.js'
import { jobHref } from '/job_head.js'
import { contentHref } from '/tree.js'

const MANIFEST_MAX = 16 * 1024 * 1024

const isText = (file) =>
  /\.(ya?ml|json)$/i.test(file.name) && file.size <= MANIFEST_MAX
export const isManifest = (text) =>
  /^\s*["']?ipvm["']?\s*:/m.test(text) && /["']?tasks["']?\s*:/.test(text)

const quoted = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

// The manifest with CIDs where it names files that are there: `cids` maps a
// name to a CID.
export function withCids(text, cids) {
  let out = text
  for (const [name, cid] of cids) {
    const path = `(?:[\\w.-]+/|\\./|\\.\\./)*${quoted(name)}`
    out = out
      .replace(
        new RegExp(`!file\\s+(["']?)${path}\\1(?=[\\s,\\]}]|$)`, 'gm'),
        `!cid ${cid}`,
      )
      .replace(
        new RegExp(`\\{\\s*"ipvm/file"\\s*:\\s*"${path}"\\s*\\}`, 'g'),
        `{"/": "${cid}"}`,
      )
      .replace(new RegExp(`(["'\\s])${path}(?=#)`, 'gm'), `$1${cid}`)
  }
  return out
}

// The files that a manifest still names: not content, and nobody's output.
export function filesNamed(text) {
  const named = [
    ...text.matchAll(/!(?:file|dir|text)\s+(?:"([^"]+)"|([^\s"',\]}]+))/g),
    ...text.matchAll(/"ipvm\/(?:file|dir|text)"\s*:\s*"([^"]+)"/g),
    ...text.matchAll(/\brun["']?\s*:\s*["']?((?:[.\w-]+\/)*[\w.-]+\.wasm)#/g),
  ].map(([, ...names]) => names.find(Boolean))
  return [...new Set(named)].filter((name) => !/^(baf|Qm)/.test(name))
}

export async function takeFiles(files) {
  const manifests = [],
    others = []
  for (const file of files) {
    const text = isText(file) ? await file.text() : ''
    if (isManifest(text)) manifests.push({ file, text })
    else others.push(file)
  }
  const cids = new Map()
  for (const file of others)
    await tell(file, () => take(file, cids, manifests.length > 0))
  for (const { file, text } of manifests)
    await tell(file, () => run(file, withCids(text, cids)))
}

async function tell(file, work) {
  try {
    await work()
  } catch (error) {
    toast(`${file.name}: ${error.message}`, { isTrouble: true })
  }
}

async function take(file, cids, isPart) {
  if (/\.car$/i.test(file.name)) {
    const response = await request('/v1/car', {
      method: 'POST',
      body: file,
      type: 'application/vnd.ipld.car',
    })
    const { roots = [] } = await response.json()
    toast(
      `${file.name} is imported, with ${plural(roots.length, 'root')}`,
      roots[0] ? { href: contentHref(cidOf(roots[0].cid)), link: 'Look' } : {},
    )
    return
  }
  const cid = await addFile(file)
  cids.set(file.name, cid)
  if (isPart) return
  toast(`${file.name} is added`, { href: contentHref(cid), link: 'Look' })
  location.hash = contentHref(cid)
}

async function run(file, text) {
  const missing = filesNamed(text)
  if (missing.length > 0)
    throw new Error(
      `drop the files it names together with it: ${missing.join(', ')}`,
    )
  const type = /\.json$/i.test(file.name)
    ? 'application/json'
    : 'application/yaml'
  const response = await request('/v1/jobs', {
    method: 'POST',
    body: text,
    type,
  })
  const { job } = await response.json()
  location.hash = jobHref(cidOf(job))
}

// Makes the whole page a place to drop files on.
export function acceptDrops(cover) {
  const hasFiles = (event) =>
    [...(event.dataTransfer?.types ?? [])].includes('Files')
  let depth = 0
  const show = (change) => {
    depth = Math.max(0, depth + change)
    cover.hidden = depth === 0
  }
  addEventListener('dragenter', (event) => hasFiles(event) && show(1))
  addEventListener('dragleave', (event) => hasFiles(event) && show(-1))
  addEventListener(
    'dragover',
    (event) => hasFiles(event) && event.preventDefault(),
  )
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    show(-depth)
    takeFiles([...event.dataTransfer.files])
  })
  const input = document.getElementById('files')
  document.getElementById('add').addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    takeFiles([...input.files])
    input.value = ''
  })
}
