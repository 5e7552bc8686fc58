// SPDX-License-Identifier: Apache-2.0
// tree.js - any IPLD value as a tree that opens level by level, with links to
// follow.

import { button, el } from '/dom.js'
import { bytes as size, count, plural, short } from '/format.js'

const PAGE = 100,
  TEXT_MAX = 2000,
  OPEN_MAX = 12

export const contentHref = (cid, path = '') =>
  `#/content/${encodeURIComponent(cid)}${path}`

export function cidLink(cid, text = short(cid)) {
  return el('a.cid', { href: contentHref(cid), title: cid }, text)
}

// What a DAG-JSON value is: 'link', 'bytes', or what JavaScript calls it.
export function kindOf(value) {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'list'
  if (typeof value !== 'object') return typeof value
  const keys = Object.keys(value)
  if (keys.length === 1 && keys[0] === '/') {
    if (typeof value['/'] === 'string') return 'link'
    if (typeof value['/']?.bytes === 'string') return 'bytes'
  }
  return 'map'
}

export function bytesOf(value) {
  const text = atob(value['/'].bytes.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

// {"ipvm/bytes": link} and the like: what stands for long content.
export function standsFor(value) {
  if (kindOf(value) !== 'map') return null
  const keys = Object.keys(value)
  const link = value[keys[0]]
  return keys.length === 1 &&
    /^ipvm\/(bytes|text|value)$/.test(keys[0]) &&
    kindOf(link) === 'link'
    ? { as: keys[0].slice(5), cid: link['/'] }
    : null
}

export function tree(value) {
  return el('div.tree', {}, node(null, value, true))
}

function node(key, value, isOpen) {
  const name = key === null ? null : el('span.key', {}, `${key}`)
  const kind = kindOf(value)
  if (kind !== 'list' && kind !== 'map')
    return el('div.leaf', {}, name, leaf(kind, value))
  const entries =
    kind === 'list'
      ? value.map((item, at) => [at, item])
      : Object.entries(value)
  const what =
    kind === 'list'
      ? plural(entries.length, 'item')
      : plural(entries.length, 'key')
  if (entries.length === 0)
    return el(
      'div.leaf',
      {},
      name,
      el('span.faint', {}, kind === 'list' ? 'empty list' : 'empty map'),
    )
  const inside = el('div.inside')
  const details = el(
    'details',
    {},
    el('summary', {}, name, el('span.faint', {}, what)),
    inside,
  )
  const open = () => {
    if (inside.childElementCount === 0) page(inside, entries, 0)
  }
  details.addEventListener('toggle', () => details.open && open())
  if (
    isOpen ||
    (entries.length <= OPEN_MAX && JSON.stringify(value, plain).length < 400)
  ) {
    open()
    details.open = true
  }
  return details
}

const plain = (key, value) =>
  typeof value === 'bigint' ? String(value) : value

// A hundred at a time.
function page(inside, entries, from) {
  inside.append(
    ...entries
      .slice(from, from + PAGE)
      .map(([key, value]) => node(key, value, false)),
  )
  const left = entries.length - from - PAGE
  if (left <= 0) return
  const more = button(`${count(left)} more`, () => {
    more.remove()
    page(inside, entries, from + PAGE)
  })
  inside.append(more)
}

function leaf(kind, value) {
  if (kind === 'link') return cidLink(value['/'], value['/'])
  if (kind === 'bytes') {
    const raw = bytesOf(value)
    const hex = [...raw.slice(0, 32)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
    return el(
      'span.bytes',
      {},
      hex,
      raw.length > 32 ? ' …' : '',
      el('span.faint', {}, ` ${size(raw.length)}`),
    )
  }
  if (kind === 'string')
    return el(
      'span.text',
      {},
      value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value,
    )
  return el('span', { class: kind }, String(value))
}
