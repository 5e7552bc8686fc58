// SPDX-License-Identifier: Apache-2.0
// field.js - a form field for each WIT type. read() gives the value as DAG-JSON
// text or throws a sentence.

import { cidOf, request } from '/api.js'
import { button, el, replace } from '/dom.js'
import { isBytes, wholeRange } from '/wit.js'

const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

// field(type, name) → {element, read()}
export function field(type, name) {
  if (isBytes(type)) return bytesField(name)
  if (wholeRange(type.kind)) return wholeField(type.kind, name)
  const makers = {
    f32: floatField,
    f64: floatField,
    bool: boolField,
    string: textField,
    char: charField,
    enum: enumField,
    flags: flagsField,
    option: optionField,
    list: listField,
    record: recordField,
    tuple: recordField,
    variant: variantField,
  }
  const make = Object.hasOwn(makers, type.kind) && makers[type.kind]
  return make ? make(name, type) : jsonField(name)
}

export async function addFile(file) {
  const response = await request(
    `/v1/files?name=${encodeURIComponent(file.name)}`,
    { method: 'POST', body: file, type: 'application/octet-stream' },
  )
  const answer = await response.json()
  return cidOf(answer.cid ?? answer.file ?? answer.root ?? answer)
}

const link = (cid) => JSON.stringify({ '/': cid })

function bytesField(name) {
  const text = el('input', {
    type: 'text',
    'aria-label': `${name}: a CID, or choose a file`,
    placeholder: 'CID, or choose a file',
    spellcheck: 'false',
    autocomplete: 'off',
  })
  const said = el('span.faint', { role: 'status' })
  const file = el('input', {
    type: 'file',
    'aria-label': `${name}: file`,
    onchange: async () => {
      if (!file.files[0]) return
      said.textContent = 'adding…'
      try {
        text.value = await addFile(file.files[0])
        said.textContent = ''
      } catch (error) {
        said.textContent = error.message
      }
    },
  })
  return {
    element: el('div.bytes-field', {}, text, file, said),
    read() {
      if (!/^[a-zA-Z0-9]{10,}$/.test(text.value.trim()))
        throw new Error(`${name}: a CID or a file is needed`)
      return link(text.value.trim())
    },
  }
}

function wholeField(kind, name) {
  const [least, most] = wholeRange(kind)
  const input = el('input', {
    type: 'text',
    inputmode: 'numeric',
    'aria-label': name,
    placeholder: `${least} … ${most}`,
  })
  return {
    element: input,
    read() {
      const text = input.value.trim()
      if (!/^[+-]?\d+$/.test(text))
        throw new Error(`${name}: a whole number is needed`)
      const value = BigInt(text.replace('+', ''))
      if (value < least || value > most)
        throw new Error(`${name}: from ${least} to ${most}`)
      return String(value)
    },
  }
}

function floatField(name) {
  const input = el('input', {
    type: 'text',
    inputmode: 'decimal',
    'aria-label': name,
    placeholder: '0.0',
  })
  return {
    element: input,
    read() {
      const text = input.value.trim()
      if (!FLOAT.test(text) || !Number.isFinite(Number(text)))
        throw new Error(`${name}: a number is needed`)
      return JSON.stringify(Number(text))
    },
  }
}

function boolField(name) {
  const input = el('input', { type: 'checkbox', 'aria-label': name })
  return { element: input, read: () => String(input.checked) }
}

function textField(name) {
  const input = el('textarea', { rows: 2, 'aria-label': name })
  return { element: input, read: () => JSON.stringify(input.value) }
}

function charField(name) {
  const input = el('input', { type: 'text', 'aria-label': name, size: 2 })
  return {
    element: input,
    read() {
      if ([...input.value].length !== 1)
        throw new Error(`${name}: one character is needed`)
      return JSON.stringify(input.value)
    },
  }
}

function enumField(name, { members }) {
  const select = el(
    'select',
    { 'aria-label': name },
    members.map((one) => el('option', {}, one.name)),
  )
  return { element: select, read: () => JSON.stringify(select.value) }
}

function flagsField(name, { members }) {
  const boxes = members.map((one) => el('input', { type: 'checkbox' }))
  return {
    element: el(
      'fieldset',
      { 'aria-label': name },
      members.map((one, at) => el('label.tick', {}, boxes[at], one.name)),
    ),
    read: () =>
      JSON.stringify(
        members.filter((one, at) => boxes[at].checked).map((one) => one.name),
      ),
  }
}

function optionField(name, { of: type }) {
  const inner = field(type, name)
  const box = el('input', {
    type: 'checkbox',
    'aria-label': `give ${name}`,
    onchange: () => {
      place.hidden = !box.checked
    },
  })
  const place = el('div', { hidden: true }, inner.element)
  const isNested = type.kind === 'option'
  return {
    element: el('div.option', {}, el('label.tick', {}, box, 'given'), place),
    read() {
      if (!box.checked) return isNested ? '[]' : 'null'
      return isNested ? `[${inner.read()}]` : inner.read()
    },
  }
}

function listField(name, { of: type }) {
  const fields = []
  const list = el('ol.fields', { start: 0 })
  const add = () => {
    const one = field(type, `${name} ${fields.length}`)
    const item = el(
      'li',
      {},
      one.element,
      button(
        '×',
        () => {
          fields.splice(fields.indexOf(one), 1)
          item.remove()
        },
        { class: 'plain', 'aria-label': `Remove from ${name}` },
      ),
    )
    fields.push(one)
    list.append(item)
  }
  return {
    element: el('div', {}, list, button('Add one', add)),
    read: () => `[${fields.map((one) => one.read()).join(',')}]`,
  }
}

function recordField(name, { kind, members }) {
  const fields = members.map((one, at) =>
    field(one.type, one.name || `${name} ${at}`),
  )
  return {
    element: el(
      'fieldset',
      { 'aria-label': name },
      members.map((one, at) =>
        el(
          'label.field',
          {},
          el('span', {}, one.name || String(at)),
          fields[at].element,
        ),
      ),
    ),
    read() {
      const values = fields.map((one) => one.read())
      return kind === 'tuple'
        ? `[${values.join(',')}]`
        : `{${members.map((one, at) => `${JSON.stringify(one.name)}:${values[at]}`).join(',')}}`
    },
  }
}

function variantField(name, { members }) {
  const fields = members.map((one) =>
    one.type ? field(one.type, one.name) : null,
  )
  const place = el('div')
  const select = el(
    'select',
    { 'aria-label': name, onchange: () => show() },
    members.map((one, at) => el('option', { value: at }, one.name)),
  )
  const show = () => replace(place, fields[Number(select.value)]?.element)
  show()
  return {
    element: el('div', {}, select, place),
    read() {
      const at = Number(select.value),
        key = JSON.stringify(members[at].name)
      return fields[at] ? `{${key}:${fields[at].read()}}` : key
    },
  }
}

// Anything, as DAG-JSON.
export function jsonField(name) {
  const input = el('textarea', {
    rows: 2,
    'aria-label': name,
    placeholder: 'DAG-JSON, such as 1, "text", [1, 2] or {"/": "bafy…"}',
    spellcheck: 'false',
  })
  return {
    element: input,
    read() {
      try {
        JSON.parse(input.value)
      } catch {
        throw new Error(`${name}: that is not JSON`)
      }
      return input.value.trim()
    },
  }
}
