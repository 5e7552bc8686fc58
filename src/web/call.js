// SPDX-License-Identifier: Apache-2.0
// call.js - calls one function of a module, by a form made from its types.

import { cidOf, getJson, postJson } from '/api.js'
import { busy, button, el, empty, replace, toast, trouble } from '/dom.js'
import { addFile, field, jsonField } from '/field.js'
import { jobHref } from '/job_head.js'
import { functionWords, words } from '/wit.js'

// callPage(module, query) → {element, title, stop()}
export function callPage(module, query) {
  const body = el('div')
  const input = el('input', {
    type: 'search',
    'aria-label': 'CID of a module',
    placeholder: 'CID of a module, or choose a file',
    value: module,
    spellcheck: 'false',
    autocomplete: 'off',
  })
  const go = (cid) => {
    location.hash = `#/call/${encodeURIComponent(cid)}`
  }
  const file = el('input', {
    type: 'file',
    accept: '.wasm',
    'aria-label': 'A module from this computer',
    onchange: async () => {
      try {
        if (file.files[0]) go(await addFile(file.files[0]))
      } catch (error) {
        toast(error.message, { isTrouble: true })
      }
    },
  })
  const form = el(
    'form.tools',
    {
      onsubmit: (event) => {
        event.preventDefault()
        if (input.value.trim()) go(input.value.trim())
      },
    },
    input,
    button('Show functions', null, { type: 'submit', class: 'main' }),
    file,
  )
  const load = async () => {
    replace(body, busy())
    try {
      const { functions = [], message } = await getJson(
        `/v1/describe?module=${encodeURIComponent(module)}`,
      )
      if (functions.length === 0)
        replace(
          body,
          empty(
            'No functions here',
            message ?? 'This module exports none that can be called.',
          ),
        )
      else replace(body, callForm(module, functions, query.get('function')))
    } catch (error) {
      replace(body, trouble(error, load))
    }
  }
  if (module) load()
  else
    replace(
      body,
      empty(
        'Call a function',
        'Name a WebAssembly module by its CID, or choose a file: the form for its functions is made from their types.',
      ),
    )
  return {
    element: el(
      'section.call',
      {},
      el('h1', {}, 'Call a function'),
      form,
      body,
    ),
    title: 'Call',
    stop() {},
  }
}

function callForm(module, functions, wanted) {
  const place = el('div.fields')
  const note = el('p.bad', { role: 'alert', hidden: true })
  const select = el(
    'select',
    { 'aria-label': 'Function', onchange: () => show() },
    functions.map((one) =>
      el('option', { selected: one.name === wanted }, one.name),
    ),
  )
  let params = []
  const show = () => {
    const one = functions.find((other) => other.name === select.value)
    note.hidden = true
    if (!one.typed) {
      const any = jsonField('Arguments')
      params = [any]
      any.isList = true
      replace(
        place,
        el('code.signature', {}, functionWords(one)),
        el('label.field', {}, el('span', {}, 'Arguments, a list'), any.element),
      )
      return
    }
    params = one.params.map(({ name, type }) => ({
      name,
      words: words(type),
      ...field(type, name),
    }))
    replace(
      place,
      el('code.signature', {}, functionWords(one)),
      params.length === 0 && el('p.faint', {}, 'It takes no arguments'),
      params.map((param) =>
        el(
          'div.field',
          {},
          el('span', {}, param.name, el('code.faint', {}, param.words)),
          param.element,
        ),
      ),
    )
  }
  const call = async (event) => {
    event.preventDefault()
    note.hidden = true
    try {
      const given = params[0]?.isList
        ? JSON.parse(params[0].read()).map((item) =>
            wordOf(JSON.stringify(item)),
          )
        : params.map((param) => wordOf(param.read()))
      const answer = await postJson('/v1/call', {
        module: { '/': module },
        function: select.value,
        words: given,
      })
      location.hash = jobHref(cidOf(answer.job), 'result')
    } catch (error) {
      note.textContent = error.message
      note.hidden = false
    }
  }
  show()
  return el(
    'form.card',
    { onsubmit: call },
    el('label.field', {}, el('span', {}, 'Function'), select),
    place,
    note,
    el(
      'div.actions',
      {},
      button('Call', null, { type: 'submit', class: 'main' }),
    ),
  )
}

// DAG-JSON as a word of a command line: text bare, a link as @CID.
export function wordOf(json) {
  const value = JSON.parse(json)
  if (typeof value === 'string') return value
  const keys =
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.keys(value)
      : []
  return keys.length === 1 && keys[0] === '/' && typeof value['/'] === 'string'
    ? `@${value['/']}`
    : json
}
