// SPDX-License-Identifier: Apache-2.0
// bytes.js - shows content by what its first bytes are: a picture as a
// picture, text as text, anything else as numbers. Never as a page: what a
// guest made is not a document of this site.

import { request } from '/api.js'
import { busy, button, el, replace, trouble } from '/dom.js'
import { bytes as size } from '/format.js'

const FIRST = 256 * 1024,
  PICTURE_MAX = 64 * 1024 * 1024,
  HEX = 1024

const PICTURES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/bmp', [0x42, 0x4d]],
]
const begins = (bytes, with_, at = 0) =>
  with_.every((byte, index) => bytes[at + index] === byte)
const ascii = (bytes, from, to) => String.fromCharCode(...bytes.slice(from, to))

export function pictureType(bytes) {
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP')
    return 'image/webp'
  if (ascii(bytes, 4, 12) === 'ftypavif') return 'image/avif'
  return PICTURES.find(([, first]) => begins(bytes, first))?.[0]
}

// The bytes as text, or undefined: not UTF-8, or with what no text has.
export function textOf(bytes, isCut) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, {
      stream: isCut,
    })
    return /[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

// The first `len` bytes of what the node serves at `path`, and how many there are.
export async function load(path, len) {
  const response = await request(path, {
    headers: { Range: `bytes=0-${len - 1}`, Accept: '*/*' },
  })
  const range = /\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')
  const total = Number(
    range?.[1] ?? response.headers.get('Content-Length') ?? 0,
  )
  const reader = response.body.getReader()
  const pieces = []
  let got = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    pieces.push(value)
    got += value.length
    if (got >= len) break
  }
  await reader.cancel()
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer()).slice(
    0,
    len,
  )
  return { bytes, total: Math.max(total, bytes.length) }
}

// Shows what the node serves at `path`; `name` is for saving it.
export function contentView(path, name) {
  const element = el('div.content', {}, busy())
  const show = async () => {
    try {
      let { bytes, total } = await load(path, FIRST)
      if (pictureType(bytes) && total > bytes.length && total <= PICTURE_MAX)
        ({ bytes } = await load(path, total))
      replace(
        element,
        bytesView(bytes, { total, name }),
        el(
          'p.faint',
          {},
          `${size(total)} · `,
          el('a', { href: path, download: name }, 'Save'),
        ),
      )
    } catch (error) {
      replace(element, trouble(error, show))
    }
  }
  show()
  return element
}

export function bytesView(
  bytes,
  { total = bytes.length, name = 'content' } = {},
) {
  const isCut = total > bytes.length
  if (total === 0) return el('p.faint', {}, 'No bytes')
  const type = pictureType(bytes)
  if (type && !isCut) return picture(bytes, type, name)
  const text = textOf(bytes, isCut)
  if (text !== undefined) return words(text, isCut)
  return el(
    'pre.hex',
    { tabindex: 0, 'aria-label': 'Bytes' },
    hex(bytes.slice(0, HEX)),
    bytes.length > HEX || isCut ? '\n…' : '',
  )
}

function picture(bytes, type, name) {
  const url = URL.createObjectURL(new Blob([bytes], { type }))
  const image = el('img.picture', { src: url, alt: `Picture ${name}` })
  const done = () => URL.revokeObjectURL(url)
  image.addEventListener('load', () => {
    image.title = `${image.naturalWidth} × ${image.naturalHeight}`
    done()
  })
  image.addEventListener('error', () => {
    done()
    image.replaceWith(
      el('p.faint', {}, `Not a picture that can be shown (${type})`),
      el('pre.hex', {}, hex(bytes.slice(0, HEX))),
    )
  })
  return image
}

function words(text, isCut) {
  const few = text.length > 8000 ? text.slice(0, 8000) : text
  const pre = el('pre.words', { tabindex: 0, 'aria-label': 'Text' }, few)
  const element = el('div', {}, pre)
  if (few.length < text.length) {
    const more = button('Show more', () => {
      pre.textContent = text
      more.remove()
    })
    element.append(more)
  } else if (isCut) {
    element.append(el('p.faint', {}, 'The beginning only'))
  }
  return element
}

function hex(bytes) {
  const lines = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.slice(at, at + 16)]
    const numbers = row
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
    const letters = row
      .map((byte) =>
        byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '·',
      )
      .join('')
    lines.push(
      `${at.toString(16).padStart(6, '0')}  ${numbers.padEnd(47)}  ${letters}`,
    )
  }
  return lines.join('\n')
}
