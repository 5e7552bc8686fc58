// SPDX-License-Identifier: Apache-2.0
// parts.mjs - the modules without pages, asked in the browser that runs them.

import { equal, check } from './lib.mjs'

// In the page: imports a module of the dashboard and calls `body` with it.
const ask = (page, module, body, argument) =>
  page.evaluate(
    async ([path, text, given]) => {
      const loaded = await import(path)
      // Functions arrive as text, which the policy does not let become code: each
      // question is an expression over the module's own functions.
      return text
        .reduce(
          (value, [name, ...rest]) => [...value, loaded[name](...rest)],
          [],
        )
        .concat(given ?? [])
    },
    [module, body, argument],
  )

export async function parts(page) {
  await layers(page)
  await wit(page)
  await values(page)
  await streams(page)
  await manifests(page)
}

async function layers(page) {
  const [ranks] = await ask(page, '/layers.js', [
    ['rank', [[], [0], [0, 1], [], [3, 2]]],
  ])
  equal(
    'what awaits nothing stands next to whoever awaits it',
    ranks,
    [0, 1, 2, 2, 3],
  )
  const [spread] = await ask(page, '/layers.js', [
    ['ascending', [0, 5, 3, 4, 9]],
  ])
  equal('neighbours out of order share their mean', spread, [0, 4, 4, 4, 9])
  const tasks = Array.from({ length: 60 }, (_, at) =>
    at === 0 ? [] : [...new Set([Math.floor(at / 2), Math.floor(at / 3)])],
  )
  const size = { boxWidth: 100, boxHeight: 40, gapX: 50, gapY: 10 }
  const [graph] = await ask(page, '/layers.js', [['layers', tasks, size]])
  const overlaps = graph.x.some((x, a) =>
    graph.x.some(
      (other, b) =>
        a < b && x === other && Math.abs(graph.y[a] - graph.y[b]) < 40,
    ),
  )
  check('no box lies on another', !overlaps)
  check(
    'every line goes to the right',
    graph.lines.every(({ points }) =>
      points.every(([x], at) => at === 0 || x >= points[at - 1][0]),
    ),
  )
  const many = Array.from({ length: 6000 }, (_, at) =>
    at < 200 ? [] : [at - 200, at - 1 - (at % 190)],
  )
  const [map] = await ask(page, '/layers.js', [
    ['blocks', many, { cell: 14, gap: 3, blockGap: 44, aspect: 1.6 }],
  ])
  equal(
    'six thousand tasks have a cell each',
    new Set(map.x.map((x, at) => `${x} ${map.y[at]}`)).size,
    6000,
  )
}

async function wit(page) {
  const text = { kind: 'string' },
    row = {
      kind: 'record',
      members: [
        { name: 'x', type: { kind: 'f64' } },
        {
          name: 'y',
          type: {
            kind: 'tuple',
            members: [{ type: { kind: 'u8' } }, { type: text }],
          },
        },
      ],
    }
  const f = {
    name: 'f',
    typed: true,
    params: [
      { name: 'a', type: { kind: 'list', of: { kind: 'u8' } } },
      { name: 'b', type: { kind: 'option', of: row } },
      {
        name: 'c',
        type: {
          kind: 'variant',
          members: [{ name: 'none' }, { name: 'some', type: { kind: 'u32' } }],
        },
      },
    ],
    result: { kind: 'result', error: text },
  }
  const told = await ask(page, '/wit.js', [
    ['functionWords', f],
    ['functionWords', { name: 'go', typed: true, params: [] }],
    ['functionWords', { name: 'main', typed: false }],
  ])
  equal('functions in words of WIT', told, [
    'f: func(a: list<u8>, b: option<record { x: f64, y: tuple<u8, string> }>, c: variant { none, some(u32) }) -> result<_, string>',
    'go: func()',
    'main: takes any arguments',
  ])
  const ranges = await page.evaluate(async () => {
    const { wholeRange } = await import('/wit.js')
    return ['u8', 's16', 'u64', 's64', 'f32', 'u9', 'constructor'].map(
      (kind) => wholeRange(kind)?.map(String) ?? null,
    )
  })
  equal('ranges of whole numbers', ranges, [
    ['0', '255'],
    ['-32768', '32767'],
    ['0', '18446744073709551615'],
    ['-9223372036854775808', '9223372036854775807'],
    null,
    null,
    null,
  ])
}

async function values(page) {
  const kinds = await ask(page, '/tree.js', [
    ['kindOf', null],
    ['kindOf', [1]],
    ['kindOf', { '/': 'bafy' }],
    ['kindOf', { '/': { bytes: 'AA' } }],
    ['kindOf', { '/': 1 }],
    ['kindOf', { '/': 'a', b: 1 }],
  ])
  equal('kinds of values', kinds, [
    'null',
    'list',
    'link',
    'bytes',
    'map',
    'map',
  ])
  const words = await ask(page, '/call.js', [
    ['wordOf', '"text"'],
    ['wordOf', '18446744073709551615'],
    ['wordOf', '{"/":"bafy"}'],
    ['wordOf', '[{"/":"bafy"}]'],
    ['wordOf', 'true'],
  ])
  equal('words of a command line', words, [
    'text',
    '18446744073709551615',
    '@bafy',
    '[{"/":"bafy"}]',
    'true',
  ])
  const times = await ask(page, '/format.js', [
    ['duration', 0],
    ['duration', 999],
    ['duration', 1500],
    ['duration', 61e9],
    ['duration', 9.36e12],
    ['bytes', 1023],
    ['bytes', 1536],
    ['plural', 1, 'task'],
  ])
  equal('numbers as people read them', times, [
    '0 s',
    '999 ns',
    '1.50 µs',
    '1 min 1 s',
    '2 h 36 min',
    '1,023 B',
    '1.50 KiB',
    '1 task',
  ])
  const states = await ask(
    page,
    '/run.js',
    ['constructor', '__proto__', 'done', 'running', 5].map((state) => [
      'taskState',
      { state },
    ]),
  )
  equal('a state that is none is waiting', states, [
    'waiting',
    'waiting',
    'ran',
    'running',
    'waiting',
  ])
}

async function streams(page) {
  const text =
    ': hello\n\nid: 7\nevent: log\ndata: {"a":1}\ndata: more\n\ndata:x\r\n\r\nevent: none\n\nid: 8\r\ndata: y\r\n\r\n'
  const cuts = await page.evaluate(async (stream) => {
    const { eventReader } = await import('/events.js')
    const all = []
    for (let cut = 0; cut <= stream.length; cut++) {
      const got = []
      const feed = eventReader((event) =>
        got.push([event.id, event.event, event.data]),
      )
      feed(stream.slice(0, cut))
      feed(stream.slice(cut))
      all.push(JSON.stringify(got))
    }
    return [...new Set(all)]
  }, text)
  equal('a stream cut anywhere gives the same events', cuts, [
    JSON.stringify([
      ['7', 'log', '{"a":1}\nmore'],
      ['7', 'message', 'x'],
      ['8', 'message', 'y'],
    ]),
  ])
}

async function manifests(page) {
  const text =
    'ipvm: "1.0"\ntasks:\n  a: {run: "./dir/a.wasm#f", args: [!file b.png, !file "c d.png", "b.png"]}\n  b:\n    run: a.wasm#g\n    args: [{"ipvm/file": "b.png"}, !file xb.png]\n'
  const [named, out, left] = await page.evaluate(async (given) => {
    const { withCids, filesNamed } = await import('/drop.js')
    const cids = new Map([
      ['a.wasm', 'bafyA'],
      ['b.png', 'bafyB'],
      ['c d.png', 'bafyC'],
    ])
    const out = withCids(given, cids)
    return [filesNamed(given), out, filesNamed(out)]
  }, text)
  equal('the files that a manifest names', named, [
    'b.png',
    'c d.png',
    'xb.png',
    './dir/a.wasm',
    'a.wasm',
  ])
  equal('those that were not dropped with it', left, ['xb.png'])
  equal(
    'a manifest names what was dropped with it by CID',
    out,
    'ipvm: "1.0"\ntasks:\n  a: {run: "bafyA#f", args: [!cid bafyB, !cid bafyC, "b.png"]}\n  b:\n    run: bafyA#g\n    args: [{"/": "bafyB"}, !file xb.png]\n',
  )
}
