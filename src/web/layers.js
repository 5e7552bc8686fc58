// SPDX-License-Identifier: Apache-2.0
// layers.js - where the boxes of an acyclic graph go: layers from left to
// right, few crossings, short lines. Pure; no DOM.
//
//   1. rank    each task right of all it awaits; those that await nothing move
//              up to whoever awaits them first
//   2. thread  a line over many layers gets a bend in each, which takes room
//   3. order   each layer by the middle of its neighbours, to and fro
//   4. place   as near to that middle as the order allows

const BENDS_MAX = 4000

// awaits[i]: indices of what task i awaits. Returns {x, y} of each box's
// corner, lines [{from, to, points}], width and height.
export function layers(awaits, { boxWidth, boxHeight, gapX, gapY }) {
  const ranks = rank(awaits)
  const { items, lines } = thread(awaits, ranks)
  const rows = order(items, awaits.length > 1500 ? 2 : 8)
  place(rows, { boxHeight, gapY })
  const step = boxWidth + gapX
  const top = items.reduce(
    (least, item) =>
      Math.min(least, item.y - (item.isBend ? 0 : boxHeight / 2)),
    Infinity,
  )
  const xs = [],
    ys = []
  items.slice(0, awaits.length).forEach((item, index) => {
    xs[index] = item.rank * step
    ys[index] = item.y - boxHeight / 2 - top
  })
  return {
    x: xs,
    y: ys,
    width: (Math.max(-1, ...ranks) + 1) * step - gapX,
    height:
      items.reduce((most, item) => Math.max(most, item.y - top), 0) +
      boxHeight / 2,
    lines: lines.map((line) => ({
      from: line.from,
      to: line.to,
      points: points(line, items, { step, boxWidth, top }),
    })),
  }
}

export function rank(awaits) {
  const ranks = new Array(awaits.length).fill(0)
  const waits = awaits.map((list) => list.length)
  const users = awaits.map(() => [])
  awaits.forEach((list, index) =>
    list.forEach((other) => users[other].push(index)),
  )
  const ready = awaits.flatMap((list, index) =>
    list.length === 0 ? [index] : [],
  )
  for (let next = 0; next < ready.length; next++)
    for (const user of users[ready[next]]) {
      ranks[user] = Math.max(ranks[user], ranks[ready[next]] + 1)
      if (--waits[user] === 0) ready.push(user)
    }
  awaits.forEach((list, index) => {
    if (list.length === 0 && users[index].length > 0)
      ranks[index] = Math.min(...users[index].map((user) => ranks[user])) - 1
  })
  return ranks
}

function thread(awaits, ranks) {
  const items = ranks.map((rank) => ({
    rank,
    left: [],
    right: [],
    isBend: false,
    y: 0,
  }))
  const lines = []
  const join = (left, right) => {
    items[left].right.push(right)
    items[right].left.push(left)
  }
  const bends = awaits.reduce(
    (sum, list, index) =>
      sum +
      list.reduce((all, other) => all + ranks[index] - ranks[other] - 1, 0),
    0,
  )
  awaits.forEach((list, to) =>
    list.forEach((from) => {
      const via = []
      let last = from
      for (
        let at = ranks[from] + 1;
        at < ranks[to] && bends <= BENDS_MAX;
        at++
      ) {
        items.push({ rank: at, left: [], right: [], isBend: true, y: 0 })
        via.push(items.length - 1)
        join(last, items.length - 1)
        last = items.length - 1
      }
      join(last, to)
      lines.push({ from, to, via })
    }),
  )
  return { items, lines }
}

const middle = (list, of) =>
  list.reduce((sum, other) => sum + of(other), 0) / list.length

function order(items, rounds) {
  const rows = []
  items.forEach((item, index) => {
    item.index = index
    ;(rows[item.rank] ??= []).push(item)
  })
  const number = (row) =>
    row.forEach((item, at) => {
      item.at = at
    })
  rows.forEach(number)
  const sort = (row, side) => {
    row.forEach((item) => {
      const list = item[side]
      item.key =
        list.length > 0 ? middle(list, (other) => items[other].at) : item.at
    })
    row.sort((a, b) => a.key - b.key || a.at - b.at)
    number(row)
  }
  for (let round = 0; round < rounds; round++) {
    for (let at = rows.length - 2; at >= 0; at--) sort(rows[at], 'right')
    for (let at = 1; at < rows.length; at++) sort(rows[at], 'left')
  }
  rows.items = items
  return rows
}

function place(rows, { boxHeight, gapY }) {
  const { items } = rows
  // `y` is where an item's middle is; a bend has no height of its own.
  const half = (item) => (item.isBend ? 0 : boxHeight / 2) + gapY / 2
  const offsets = rows.map((row) => {
    let at = 0
    return row.map((item) => {
      const here = at + half(item)
      at = here + half(item)
      return here
    })
  })
  rows.forEach((row, at) => {
    const height = offsets[at].at(-1) ?? 0
    row.forEach((item, index) => {
      item.y = offsets[at][index] - height / 2
    })
  })
  const settle = (row, offset, sides) => {
    const wanted = row.map((item, index) => {
      const list = sides.flatMap((side) => item[side])
      return (
        (list.length > 0 ? middle(list, (other) => items[other].y) : item.y) -
        offset[index]
      )
    })
    ascending(wanted).forEach((value, index) => {
      row[index].y = value + offset[index]
    })
  }
  for (let round = 0; round < 6; round++) {
    const sides = round < 2 ? null : ['left', 'right']
    for (let at = 1; at < rows.length; at++)
      settle(rows[at], offsets[at], sides ?? ['left'])
    for (let at = rows.length - 2; at >= 0; at--)
      settle(rows[at], offsets[at], sides ?? ['right'])
  }
}

// The ascending numbers nearest to `wanted`: neighbours out of order share
// their mean.
export function ascending(wanted) {
  const pools = []
  for (const value of wanted) {
    let pool = { sum: value, count: 1 }
    while (
      pools.length > 0 &&
      pools.at(-1).sum / pools.at(-1).count > pool.sum / pool.count
    ) {
      const before = pools.pop()
      pool = { sum: pool.sum + before.sum, count: pool.count + before.count }
    }
    pools.push(pool)
  }
  return pools.flatMap(({ sum, count }) => new Array(count).fill(sum / count))
}

function points({ from, to, via }, items, { step, boxWidth, top }) {
  const middleY = (item) => item.y - top
  const list = [[items[from].rank * step + boxWidth, middleY(items[from])]]
  for (const at of via) {
    const item = items[at]
    list.push(
      [item.rank * step, middleY(item)],
      [item.rank * step + boxWidth, middleY(item)],
    )
  }
  list.push([items[to].rank * step, middleY(items[to])])
  return list
}

// A graph too large to read as boxes: each rank is a block of small cells,
// filled column by column. Returns {x, y} of each cell, blocks and the size.
export function blocks(awaits, { cell, gap, blockGap, aspect }) {
  const ranks = rank(awaits)
  const rows = []
  ranks.forEach((at, index) => (rows[at] ??= []).push(index))
  const tall = Math.max(
    4,
    Math.ceil(Math.sqrt(awaits.length / Math.max(aspect, 0.3))),
  )
  const xs = [],
    ys = [],
    list = []
  let x = 0
  for (const row of rows) {
    row.sort((a, b) => a - b)
    const high = Math.min(tall, row.length)
    const wide = Math.ceil(row.length / high)
    row.forEach((index, at) => {
      xs[index] = x + Math.floor(at / high) * (cell + gap)
      ys[index] = ((tall - high) / 2 + (at % high)) * (cell + gap)
    })
    list.push({
      x,
      y: ((tall - high) / 2) * (cell + gap),
      count: row.length,
      width: wide * (cell + gap) - gap,
      height: high * (cell + gap) - gap,
      first: row[0],
    })
    x += wide * (cell + gap) - gap + blockGap
  }
  return {
    x: xs,
    y: ys,
    blocks: list,
    width: Math.max(0, x - blockGap),
    height: tall * (cell + gap) - gap,
  }
}

// The task that an arrow key leads to: what it awaits, what awaits it, or the
// nearest above or below in its layer.
export function neighbour(tasks, places, index, key) {
  const task = tasks[index]
  if (key === 'ArrowRight') return task.awaitedBy[0]
  if (key === 'ArrowLeft') return task.awaits[0]
  if (key === 'Home') return 0
  if (key === 'End') return tasks.length - 1
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return undefined
  const sign = key === 'ArrowDown' ? 1 : -1
  let best,
    least = Infinity
  places.y.forEach((y, other) => {
    const far = (y - places.y[index]) * sign
    if (other === index || places.x[other] !== places.x[index] || far <= 0)
      return
    if (far < least) [best, least] = [other, far]
  })
  return best
}
