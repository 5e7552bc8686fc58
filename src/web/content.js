// SPDX-License-Identifier: Apache-2.0
// content.js - looks at anything by its CID: what it is, what it links, what
// it shows.

import { ApiError, cidOf, getJson, postJson, request } from '/api.js'
import { contentView, load } from '/bytes.js'
import {
  arrowKeys,
  busy,
  button,
  el,
  empty,
  replace,
  toast,
  trouble,
} from '/dom.js'
import { bytes, count, plural } from '/format.js'
import { jobHref } from '/job_head.js'
import { contentPath, inspect, valueView } from '/result.js'
import { facts } from '/task.js'
import { bytesOf, cidLink, contentHref, kindOf, tree } from '/tree.js'

const LINKS_MAX = 500

// contentPage(cid, path) → {element, title, stop()}
export function contentPage(cid, path) {
  const field = el('input', {
    type: 'search',
    name: 'cid',
    value: cid ? cid + path : '',
    'aria-label': 'CID, or CID and path',
    placeholder: 'bafy…, or bafy…/path/to/file',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  const form = el(
    'form.tools',
    {
      onsubmit: (event) => {
        event.preventDefault()
        const text = field.value
          .trim()
          .replace(/^\/?ipfs\//, '')
          .replace(/^ipfs:\/\//, '')
        if (!text) return
        const [root, ...rest] = text.split('/')
        location.hash = contentHref(
          root,
          rest.length > 0 ? `/${rest.join('/')}` : '',
        )
      },
    },
    field,
    button('Look', null, { type: 'submit', class: 'main' }),
  )
  const body = el('div')
  const open = async () => {
    replace(body, busy())
    try {
      replace(body, await show(cid, path))
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        replace(body, empty('That is not on this node', error.message))
      else replace(body, trouble(error, open))
    }
  }
  if (cid) open()
  else
    replace(
      body,
      empty(
        'Look at content by its name',
        'A CID names bytes by their hash. Paste one above, follow a link from a job, or drop a file on this page.',
      ),
    )
  return {
    element: el(
      'section.content-page',
      {},
      el('h1', {}, 'Content'),
      form,
      body,
    ),
    title: 'Content',
    stop() {},
  }
}

// A path's end, as the gateway finds it.
async function endOf(cid, path) {
  if (!path) return cid
  const response = await request(contentPath(cid, path), {
    method: 'HEAD',
    headers: { Accept: 'application/vnd.ipld.raw' },
  })
  const roots = (response.headers.get('X-Ipfs-Roots') ?? '').split(',')
  return (
    roots.at(-1).trim() ||
    /^"?(?:.*-)?(b[a-z2-7]+)/.exec(response.headers.get('Etag') ?? '')?.[1] ||
    cid
  )
}

const UNIXFS = ['file', 'directory', 'file', 'file', 'symlink', 'directory']

// What a block is, by its codec and value.
export function kindName({ codec, value, kind }) {
  if (kind) return kind
  if (codec === 'raw') return 'file'
  if (kindOf(value) !== 'map') return 'value'
  if (codec === 'dag-pb') {
    const data = kindOf(value.Data) === 'bytes' ? bytesOf(value.Data) : []
    return data[0] === 8 ? (UNIXFS[data[1]] ?? 'value') : 'value'
  }
  const keys = Object.keys(value).sort().join()
  if (keys === 'ipvm/workflow@1.0.0') return 'workflow'
  if (keys === 'ok' || keys === 'error') return 'result'
  return keys === 'args,cmd,nonce' ? 'computation' : 'value'
}

async function isModule(cid) {
  const { bytes: first } = await load(contentPath(cid), 4)
  return String.fromCharCode(...first) === '\0asm'
}

async function runWorkflow(cid) {
  try {
    const { job } = await postJson('/v1/jobs?by=cid', {
      workflow: { '/': cid },
    })
    location.hash = jobHref(cidOf(job))
  } catch (error) {
    toast(error.message, { isTrouble: true })
  }
}

async function show(cid, path) {
  const end = await endOf(cid, path)
  const known = await inspect(end)
  const kind = kindName(known)
  const links = kind === 'directory' ? await entriesOf(end) : linksOf(known)
  const canCall = kind === 'file' && (await isModule(end))
  return el(
    'div',
    {},
    el(
      'header.content-head',
      {},
      el('code.cid', {}, end),
      el(
        'div.actions',
        {},
        canCall &&
          el(
            'a.button.main',
            { href: `#/call/${encodeURIComponent(end)}` },
            'Call a function',
          ),
        kind === 'workflow' &&
          button('Run', () => runWorkflow(end), { class: 'main' }),
        el(
          'a.button',
          { href: `${contentPath(end)}?format=car`, download: `${end}.car` },
          'Save with all below',
        ),
        el(
          'a.button',
          { href: `${contentPath(end)}?format=raw`, download: `${end}.bin` },
          'Save the block',
        ),
      ),
    ),
    el(
      'section.card',
      {},
      facts([
        ['Kind', canCall ? 'WebAssembly' : kind],
        ['Codec', known.codec],
        ['Block', bytes(known.size)],
        ['Trouble', known.trouble],
        ['Links', links.length > 0 && count(links.length)],
      ]),
    ),
    kind === 'file' &&
      el(
        'section.card',
        {},
        contentView(contentPath(end), path.split('/').pop() || end),
      ),
    links.length > 0 && linkList(links, kind === 'directory'),
    kind !== 'file' &&
      known.value !== undefined &&
      el('section.card', {}, el('h2', {}, 'Value'), value(kind, known.value)),
  )
}

function value(kind, it) {
  return kind === 'result' && 'ok' in it ? valueView(it.ok, 'result') : tree(it)
}

// A directory of any size, as the gateway lists it.
async function entriesOf(cid) {
  const { entries = [] } = await getJson(contentPath(cid))
  return entries.map((entry) => ({ ...entry, cid: cidOf(entry.cid) }))
}

// The links of a block, with names where it has them.
function linksOf({ links, value }) {
  const named =
    kindOf(value) === 'map' && Array.isArray(value.Links)
      ? value.Links.map((link) => ({
          name: link.Name ?? '',
          cid: cidOf(link.Hash),
          size: link.Tsize,
        }))
      : []
  if (named.length > 0) return named
  return (Array.isArray(links) ? links : []).map((link) => ({
    name: String(link.name ?? ''),
    cid: cidOf(link.cid ?? link),
    size: link.size,
  }))
}

function linkList(links, isDirectory) {
  const list = el(
    'ul.links',
    {},
    links
      .slice(0, LINKS_MAX)
      .map(({ name, cid, size }) =>
        el(
          'li',
          {},
          el('a', { href: contentHref(cid) }, name || cid),
          name && el('span.faint', {}, cidLink(cid)),
          el('span.number', {}, bytes(size)),
        ),
      ),
  )
  arrowKeys(list, 'li > a')
  return el(
    'section.card',
    {},
    el(
      'h2',
      {},
      isDirectory
        ? plural(links.length, 'entry', 'entries')
        : plural(links.length, 'link'),
    ),
    list,
    links.length > LINKS_MAX &&
      el('p.faint', {}, `and ${count(links.length - LINKS_MAX)} more`),
  )
}
