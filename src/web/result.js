// SPDX-License-Identifier: Apache-2.0
// result.js - a result for people: pictures and text as such, the rest as a
// tree.

import { getJson } from '/api.js'
import { bytesView, contentView } from '/bytes.js'
import { busy, el, replace, trouble } from '/dom.js'
import { bytesOf, cidLink, kindOf, standsFor, tree } from '/tree.js'

export const contentPath = (cid, path = '') =>
  `/ipfs/${encodeURIComponent(cid)}${path.split('/').map(encodeURIComponent).join('/')}`

export async function inspect(cid) {
  return getJson(`/v1/inspect/${encodeURIComponent(cid)}`, { isExact: true })
}

// The block's value: where the node could decode one.
export const valueOf = (inspection) => inspection.value

// A value as it stands in arguments and results.
export function valueView(value, name) {
  const long = standsFor(value)
  if (long && long.as !== 'value')
    return el(
      'div',
      {},
      contentView(contentPath(long.cid), name),
      el('p.faint', {}, 'Content ', cidLink(long.cid)),
    )
  if (long)
    return later(async () => valueView(valueOf(await inspect(long.cid)), name))
  const kind = kindOf(value)
  if (kind === 'bytes') return bytesView(bytesOf(value), { name })
  if (kind === 'string')
    return bytesView(new TextEncoder().encode(value), { name })
  if (kind === 'list' || kind === 'map') return tree(value)
  if (kind === 'link') return linkView(value['/'], name)
  return el('p.number', {}, String(value))
}

// What a link leads to is asked for only if somebody wants to see it: raw
// blocks and UnixFS nodes by their prefix, others on a page of their own.
function linkView(cid, name) {
  const link = cidLink(cid, cid)
  if (!/^baf(k|yb)/.test(cid)) return link
  const content = el('details.look', {}, el('summary', {}, 'Look'))
  const open = () => content.append(contentView(contentPath(cid), name))
  content.addEventListener('toggle', open, { once: true })
  return el('div', {}, link, content)
}

// The block of a result: {"ok": …} or {"error": …}.
export function resultView(cid, name) {
  return later(async () => {
    const value = valueOf(await inspect(cid))
    if (kindOf(value) !== 'map' || !('ok' in value || 'error' in value))
      return tree(value)
    return 'ok' in value
      ? valueView(value.ok, name)
      : el(
          'div',
          {},
          el('p.bad', {}, 'The function answered with an error'),
          valueView(value.error, name),
        )
  })
}

// What `make` gives, once it is there.
export function later(make) {
  const element = el('div.later', {}, busy())
  const show = async () => {
    try {
      replace(element, await make())
    } catch (error) {
      replace(element, trouble(error, show))
    }
  }
  show()
  return element
}
