// SPDX-License-Identifier: Apache-2.0
// wit.js - WIT types as the node describes them (docs/http-api.md): {kind},
// lists and options with `of`, rows and cases with `members` [{name, type}],
// results with `ok` and `error`. No DOM in here.

const named = ({ name, type }) => `${name}${type ? `: ${words(type)}` : ''}`
const aCase = ({ name, type }) => `${name}${type ? `(${words(type)})` : ''}`
const list = (members = [], of) => members.map(of).join(', ')

// A type in WIT's own words.
export function words(type) {
  switch (type.kind) {
    case 'list':
    case 'option':
      return `${type.kind}<${words(type.of)}>`
    case 'tuple':
      return `tuple<${list(type.members, (one) => words(one.type))}>`
    case 'record':
      return `record { ${list(type.members, named)} }`
    case 'variant':
    case 'enum':
    case 'flags':
      return `${type.kind} { ${list(type.members, aCase)} }`
    case 'result':
      return resultWords(type)
    default:
      return String(type.kind)
  }
}

function resultWords({ ok, error }) {
  if (!ok && !error) return 'result'
  return `result<${ok ? words(ok) : '_'}${error ? `, ${words(error)}` : ''}>`
}

export function functionWords({ name, typed, params, result }) {
  if (!typed) return `${name}: takes any arguments`
  return `${name}: func(${list(params, named)})${result ? ` -> ${words(result)}` : ''}`
}

const BITS = new Map([
  ['8', 8n],
  ['16', 16n],
  ['32', 32n],
  ['64', 64n],
])

// [least, most] of a whole number's type as BigInt, or null for other types.
export function wholeRange(kind) {
  const [, sign, size] = /^([us])(8|16|32|64)$/.exec(kind) ?? []
  if (!sign) return null
  const bits = BITS.get(size)
  return sign === 's'
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n]
}

export const isBytes = (type) => type.kind === 'list' && type.of.kind === 'u8'
