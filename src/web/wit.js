// SPDX-License-Identifier: Apache-2.0
// wit.js - reads WIT types as the node writes them. No DOM in here.
//
//     blur: func(image: list<u8>, sigma: f32) -> result<list<u8>, string>
//
// A type is {kind, …}: list and option have `element`; tuple, record, variant,
// enum and flags have `members` [{name, type}]; result has `ok` and `error`.

const DEPTH_MAX = 100
const NAME = /^[A-Za-z0-9_%][A-Za-z0-9_%.-]*/

class Reader {
  constructor(text) {
    this.text = text
    this.at = 0
    this.depth = 0
  }

  blanks() {
    while (this.text[this.at] === ' ') this.at++
  }

  skip(word) {
    this.blanks()
    if (!this.text.startsWith(word, this.at)) return false
    this.at += word.length
    return true
  }

  need(word) {
    if (!this.skip(word)) throw new Error(`"${word}" expected at ${this.at} of ${this.text}`)
  }

  name() {
    this.blanks()
    const found = NAME.exec(this.text.slice(this.at))
    if (!found) throw new Error(`a name expected at ${this.at} of ${this.text}`)
    this.at += found[0].length
    return found[0]
  }

  // Items up to `end`, with commas between.
  list(end, item) {
    const items = []
    while (!this.skip(end)) {
      if (items.length > 0) this.need(',')
      if (items.length > 0 && this.skip(end)) break
      items.push(item())
    }
    return items
  }

  type() {
    if (++this.depth > DEPTH_MAX) throw new Error('a type nested too deep')
    const type = this.#type(this.name())
    this.depth--
    return type
  }

  #type(kind) {
    const named = () => {
      const name = this.name()
      return { name, type: this.skip(':') ? this.type() : null }
    }
    const aCase = () => {
      const name = this.name()
      const type = this.skip('(') ? this.type() : null
      if (type) this.need(')')
      return { name, type }
    }
    switch (kind) {
    case 'list':
    case 'option': {
      this.need('<')
      const element = this.type()
      this.need('>')
      return { kind, element }
    }
    case 'tuple':
      this.need('<')
      return { kind, members: this.list('>', () => ({ name: '', type: this.type() })) }
    case 'result': {
      const arms = this.skip('<')
        ? this.list('>', () => this.skip('_') ? null : this.type()) : []
      return { kind, ok: arms[0] ?? null, error: arms[1] ?? null }
    }
    case 'record':
      this.need('{')
      return { kind, members: this.list('}', named) }
    case 'variant':
    case 'enum':
    case 'flags':
      this.need('{')
      return { kind, members: this.list('}', aCase) }
    default:
      return { kind }
    }
  }
}

export function readType(text) {
  const reader = new Reader(text)
  const type = reader.type()
  reader.blanks()
  if (reader.at < text.length) throw new Error(`too much at ${reader.at} of ${text}`)
  return type
}

// A function as the node tells it: a line as above, or {name, params: [{name,
// type}]} with types in words. Returns {name, text, params} where params is
// null if any arguments are taken.
export function readFunction(told) {
  if (typeof told !== 'string') {
    const params = told.params?.map(({ name, type }) => ({ name, words: type, type: readType(type) }))
    const words = (told.params ?? []).map(({ name, type }) => `${name}: ${type}`).join(', ')
    return { name: told.name, params: params ?? null,
      text: told.text ?? `${told.name}: func(${words})${told.result ? ` -> ${told.result}` : ''}` }
  }
  const colon = told.indexOf(': func(')
  if (colon < 0) return { name: told.split(': ')[0], text: told, params: null }
  const reader = new Reader(told)
  reader.at = colon + ': func('.length
  const params = reader.list(')', () => {
    const name = reader.name()
    reader.need(':')
    reader.blanks()
    const from = reader.at
    const type = reader.type()
    return { name, type, words: told.slice(from, reader.at) }
  })
  return { name: told.slice(0, colon), text: told, params }
}

const WHOLE = { u8: [0n, 8n], u16: [0n, 16n], u32: [0n, 32n], u64: [0n, 64n],
  s8: [1n, 8n], s16: [1n, 16n], s32: [1n, 32n], s64: [1n, 64n] }

// [least, most] of a whole number's type as BigInt, or null for other types.
export function wholeRange(kind) {
  if (!(kind in WHOLE)) return null
  const [signed, bits] = WHOLE[kind]
  return signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
}

export const isBytes = (type) => type.kind === 'list' && type.element.kind === 'u8'
