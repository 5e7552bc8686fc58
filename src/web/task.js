// SPDX-License-Identifier: Apache-2.0
// task.js - one task beside its graph: what went in, what came out, what it
// cost, and why it ran or did not.

import { cidOf, getJson, jobPath } from '/api.js'
import { button, el, replace, say } from '/dom.js'
import { bytes, count, duration, time } from '/format.js'
import { inspect, later, resultView, valueOf, valueView } from '/result.js'
import { TASK_STATES } from '/run.js'
import { logLine } from '/logs.js'
import { cidLink, tree } from '/tree.js'

const NEIGHBOURS_MAX = 60

// taskView(run, index, {select, close, fork}) → {element, update(), focus()}
export function taskView(run, index, options) {
  const task = run.tasks[index]
  const title = el('h2', { tabindex: -1 }, task.label)
  const chip = el('span.chip')
  const parts = el('div.parts')
  const element = el(
    'aside.task-panel',
    { 'aria-label': `Task ${task.label}` },
    el(
      'header',
      {},
      title,
      chip,
      button('×', options.close, {
        class: 'plain',
        'aria-label': 'Close the task',
      }),
    ),
    parts,
  )
  let drawn = ''
  const update = () => {
    say(chip, TASK_STATES[task.state].text)
    chip.dataset.state = task.state
    // What is asked of the node is asked once for each state of the task.
    const now = `${task.state} ${cidOf(task.result)} ${cidOf(task.comp)} ${run.logsOf(task.label).length}`
    if (now === drawn) return
    drawn = now
    replace(parts, sections(run, task, options))
  }
  update()
  return { element, update, focus: () => title.focus() }
}

const section = (title, ...children) =>
  el('section', {}, el('h3', {}, title), children)

function sections(run, task, options) {
  const result = cidOf(task.result)
  const computation = cidOf(task.comp) || cidOf(task.computation)
  const logs = run.logsOf(task.label)
  return [
    task.message &&
      el(
        'p',
        { class: task.state === 'failed' ? 'bad' : 'faint' },
        task.end ? `${task.end}: ` : '',
        task.message,
      ),
    result && section('Result', resultView(result, task.label)),
    section(
      'Function',
      facts([
        ['Function', task.function],
        ['Module', task.module && cidLink(cidOf(task.module))],
        ['Class', task.class],
        ['Result', result && cidLink(result)],
        ['Computation', computation && cidLink(computation)],
      ]),
    ),
    computation ? section('Inputs', inputs(computation)) : null,
    neighbours('Awaits', task.awaits, run, options.select),
    neighbours('Awaited by', task.awaitedBy, run, options.select),
    cost(task),
    logs.length > 0 &&
      section('Log', el('ol.log', {}, logs.slice(-200).map(logLine))),
    more(run, task, options),
  ]
}

export function facts(rows) {
  return el(
    'dl.facts',
    {},
    rows
      .filter(
        ([, value]) =>
          value !== undefined &&
          value !== null &&
          value !== '' &&
          value !== false,
      )
      .map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  )
}

function inputs(computation) {
  return later(async () => {
    const value = valueOf(await inspect(computation))
    const list = value?.args?.args ?? value?.args ?? value
    if (!Array.isArray(list)) return tree(list)
    if (list.length === 0) return el('p.faint', {}, 'No arguments')
    return el(
      'ol.inputs',
      { start: 0 },
      list.map((item, at) => el('li', {}, valueView(item, `argument ${at}`))),
    )
  })
}

function neighbours(title, list, run, select) {
  if (list.length === 0) return null
  const item = (index) => {
    const task = run.tasks[index]
    return el(
      'li',
      {},
      el(
        'button.link',
        {
          type: 'button',
          data: { state: task.state },
          onclick: () => select(index),
        },
        task.label,
      ),
    )
  }
  const left = list.length - NEIGHBOURS_MAX
  return section(
    title,
    el(
      'ul.neighbours',
      {},
      list.slice(0, NEIGHBOURS_MAX).map(item),
      left > 0 && el('li.faint', {}, `and ${count(left)} more`),
    ),
  )
}

function cost(task) {
  const rows = [
    ['Waited', duration(task.queued_ns)],
    ['Ran', duration(task.run_ns)],
    ['Processor', duration(task.cpu_ns)],
    ['Fuel', Number(task.fuel ?? 0) > 0 && count(task.fuel)],
    ['Memory', task.memory !== undefined && bytes(task.memory)],
    ['Stored', task.stored !== undefined && bytes(task.stored)],
    ['Worker', task.worker !== undefined && String(task.worker)],
  ]
  return rows.some(([, value]) => value)
    ? section(task.state === 'hit' ? 'What it cost once' : 'Cost', facts(rows))
    : null
}

function more(run, task, { fork }) {
  const below = el('div')
  const show = (title, make) => () =>
    replace(below, section(title, later(make)))
  return el(
    'section',
    {},
    el(
      'div.actions',
      {},
      button(
        'Explain',
        show('Explain', () => explanation(run, task)),
      ),
      button(
        'Receipt',
        show('Receipt', () => receipts(run, task)),
      ),
      button('Run again from here', () => fork(task.label), {
        title: 'A new job that shares everything before this task',
      }),
    ),
    below,
  )
}

async function explanation({ id }, { label }) {
  const path = jobPath(id, `/explain?task=${encodeURIComponent(label)}`)
  const { verdict, why, trust, ...rest } = await getJson(path, {
    isExact: true,
  })
  return el(
    'div',
    {},
    verdict && el('p', {}, el('strong', {}, verdict)),
    why && el('p', {}, why),
    trust && el('p', {}, trust),
    tree(rest),
  )
}

// By what was computed; what is pending is sealed when the job's are asked for.
async function receipts({ id }, task) {
  const about = cidOf(task.comp) || cidOf(task.result)
  const path = `/v1/receipts/${encodeURIComponent(about)}`
  let found = about ? await receiptsAt(path) : []
  if (about && found.length === 0) {
    await getJson(jobPath(id, '/receipts'))
    found = await receiptsAt(path)
  }
  return found.length > 0
    ? el('div', {}, found.map(receiptView))
    : el('p.faint', {}, 'There is no receipt for this task')
}

// What it says and whether that holds, then all of it.
function receiptView(receipt) {
  const { holds, outcome, issuer, at, checks = [] } = receipt
  const mark = (ok) =>
    el('span', { class: ok ? 'good' : 'bad' }, ok ? '✓ ' : '✕ ')
  return el(
    'div',
    {},
    facts([
      [
        'Holds',
        holds !== undefined &&
          el('span', {}, mark(holds), holds ? 'yes' : 'no'),
      ],
      ['Outcome', outcome],
      ['Issuer', issuer && el('code', {}, issuer)],
      ['Made', at && time(Number(at) * 1000)],
      ['Receipt', receipt.receipt && cidLink(cidOf(receipt.receipt))],
    ]),
    el(
      'ul.checks',
      {},
      checks.map(({ check, ok, words }) =>
        el('li', {}, mark(ok), check, words && `: ${words}`),
      ),
    ),
    el('details', {}, el('summary', {}, 'All of it'), tree(receipt)),
  )
}

async function receiptsAt(path) {
  try {
    return (await getJson(path, { isExact: true })).receipts ?? []
  } catch (error) {
    if (error.status === 404) return []
    throw error
  }
}
