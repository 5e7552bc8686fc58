// SPDX-License-Identifier: Apache-2.0
// job.js - one job as it goes: head, actions, and its graph, time line, tasks,
// log and results, with a task of them beside.

import { ApiError, cidOf, getJson, jobPath, postJson } from '/api.js'
import {
  arrowKeys,
  busy,
  button,
  drawLater,
  el,
  empty,
  replace,
  say,
  toast,
  trouble,
} from '/dom.js'
import { follow } from '/events.js'
import {
  ago,
  count,
  duration,
  durationMs,
  plural,
  short,
  time,
} from '/format.js'
import { graphView } from '/graph.js'
import { showLink } from '/link.js'
import { logsView } from '/logs.js'
import { resultView } from '/result.js'
import { Run, isOver } from '/run.js'
import { facts, taskView } from '/task.js'
import { tasksView } from '/tasks.js'
import { timelineView } from '/timeline.js'
import { cidLink } from '/tree.js'
import { ask } from '/ask.js'

const TABS = [
  ['graph', 'Graph', graphView],
  ['time', 'Time line', timelineView],
  ['tasks', 'Tasks', tasksView],
  ['log', 'Log', logsView],
  ['result', 'Results', resultsView],
]

export const jobHref = (id, tab = '', task = '') =>
  `#/job/${encodeURIComponent(id)}${tab && `/${tab}`}${task && `?task=${encodeURIComponent(task)}`}`

// A bar of how far the tasks are.
export function progress(counts = {}) {
  const number = (name) => Number(counts[name] ?? 0)
  const total = Math.max(1, number('wanted') || number('total'))
  const ran = number('done') - number('hits') - number('failed')
  const parts = [
    ['hit', number('hits')],
    ['ran', ran],
    ['failed', number('failed')],
    ['running', number('running')],
  ]
  const bar = el('span.progress', {
    role: 'img',
    'aria-label': `${count(number('done'))} of ${count(total)} tasks done`,
  })
  for (const [state, value] of parts) {
    if (value <= 0) continue
    const part = el('i', { data: { colour: state } })
    part.style.width = `${Math.min(100, (value / total) * 100)}%`
    bar.append(part)
  }
  return bar
}

// jobView(id) → {element, title, go(tab, query), stop()}
export function jobView(id, tab, query) {
  const element = el('article.job', {}, busy())
  const self = {
    element,
    title: 'Job',
    stop() {},
    go(nextTab, nextQuery) {
      ;[tab, query] = [nextTab, nextQuery]
    },
  }
  const load = async () => {
    try {
      const [job, graph] = await Promise.all([
        getJson(jobPath(id)),
        getJson(jobPath(id, '/graph')),
      ])
      const open = new OpenJob(new Run(job, graph), element)
      self.title = job.name || short(id)
      self.go = (nextTab, nextQuery) => open.go(nextTab, nextQuery)
      self.stop = () => open.stop()
      document.title = `${self.title} – IPVM`
      open.go(tab, query)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404)
        replace(
          element,
          empty(
            'There is no such job on this node',
            el('a', { href: '#/jobs' }, 'All jobs'),
          ),
        )
      else replace(element, trouble(error, load))
    }
  }
  load()
  return self
}

class OpenJob {
  constructor(run, element) {
    this.run = run
    this.tab = ''
    this.view = null
    this.panel = null
    this.chosen = -1
    this.head = new Head(run, this)
    this.body = el('div.job-view', { role: 'tabpanel' })
    this.side = el('div.side')
    this.tabs = tabList(run.id)
    this.split = el('div.split', {}, this.body, this.side)
    replace(element, this.head.element, this.tabs, this.split)
    this.update = drawLater(() => this.#draw())
    this.#follow()
    this.ticker = setInterval(() => this.head.update(), 1000)
  }

  #follow() {
    this.stream?.stop()
    this.stream = follow(jobPath(this.run.id, '/events'), {
      after: this.run.seq,
      take: ({ id, event, data }) => {
        const seq = Number(data.seq ?? id)
        if (this.run.take({ ...data, seq, kind: data.kind ?? event }))
          this.update()
      },
      state: showLink,
      isOver: () => isOver(this.run.job.state),
    })
  }

  #draw() {
    this.head.update()
    this.view?.update(this.run.takeChanged())
    this.panel?.update()
    if (isOver(this.run.job.state) && !this.run.job.outputs) this.#reload()
  }

  // Once it is over the node tells its outputs.
  async #reload() {
    this.run.job.outputs = {}
    try {
      Object.assign(this.run.job, await getJson(jobPath(this.run.id)))
      this.head.update()
      if (this.tab === 'result') this.#show()
    } catch {
      /* the stream says what is wrong */
    }
  }

  go(tab, query) {
    const known = TABS.some(([name]) => name === tab) ? tab : 'graph'
    if (known !== this.tab) {
      this.tab = known
      this.#show()
    }
    const task = this.run.byLabel.get(query?.get('task'))
    this.#choose(task ? task.index : -1)
  }

  #show() {
    this.view?.stop()
    const [, , make] = TABS.find(([name]) => name === this.tab)
    this.view = make(this.run, { select: (index) => this.select(index) })
    for (const link of this.tabs.children)
      link.setAttribute('aria-selected', link.dataset.tab === this.tab)
    replace(this.body, this.view.element)
    this.body.dataset.tab = this.tab
    this.view.mark(this.chosen)
  }

  select(index) {
    location.hash = jobHref(
      this.run.id,
      this.tab,
      this.run.tasks[index]?.label ?? '',
    )
  }

  #choose(index) {
    if (index === this.chosen && index < 0 === (this.panel === null)) return
    this.chosen = index
    this.split.classList.toggle('open', index >= 0)
    this.view.mark(index)
    this.panel =
      index < 0
        ? null
        : taskView(this.run, index, {
            select: (other) => this.select(other),
            close: () => {
              this.select(-1)
              this.body
                .querySelector('[tabindex="0"]')
                ?.focus({ preventScroll: true })
            },
            fork: (label) => this.fork(label),
            canFork: () => true,
          })
    replace(this.side, this.panel?.element)
    this.panel?.focus()
  }

  async act(verb, body) {
    try {
      const answer = await postJson(
        jobPath(this.run.id, `/${verb}`),
        body ?? {},
      )
      if (answer?.state) this.run.job.state = answer.state
      this.head.update()
      this.#follow()
    } catch (error) {
      toast(error.message, { isTrouble: true })
    }
  }

  async fork(label) {
    try {
      const answer = await postJson(jobPath(this.run.id, '/fork'), {
        from: [label],
      })
      location.hash = jobHref(cidOf(answer.job))
      toast(`A new job runs again from ${label}`)
    } catch (error) {
      toast(error.message, { isTrouble: true })
    }
  }

  stop() {
    clearInterval(this.ticker)
    this.stream.stop()
    this.update.stop()
    this.view?.stop()
    showLink('live')
  }
}

function tabList(id) {
  const list = el(
    'div.tabs',
    { role: 'tablist', 'aria-label': 'Views of the job' },
    TABS.map(([name, text]) =>
      el(
        'a',
        { role: 'tab', href: jobHref(id, name), data: { tab: name } },
        text,
      ),
    ),
  )
  arrowKeys(list, 'a', ['ArrowRight', 'ArrowLeft'])
  return list
}

// The name, state, numbers and actions of a job.
class Head {
  constructor(run, owner) {
    this.run = run
    this.owner = owner
    this.chip = el('span.chip.large')
    this.numbers = el('div.numbers')
    this.actions = el('div.actions')
    this.message = el('p.bad')
    this.bar = el('div')
    const { job } = run
    this.element = el(
      'header.job-head',
      {},
      el(
        'div.line',
        {},
        el('h1', {}, job.name || short(run.id)),
        this.chip,
        this.actions,
      ),
      this.message,
      this.bar,
      this.numbers,
      el(
        'details.about',
        {},
        el('summary', {}, 'About this job'),
        facts([
          ['Job', el('code', {}, run.id)],
          [
            'Workflow',
            job.workflow && cidLink(cidOf(job.workflow), cidOf(job.workflow)),
          ],
          ['Subject', job.subject && el('code', {}, job.subject)],
          ['Submitted', job.submitted && time(job.submitted)],
          ['Not before', job.not_before && time(job.not_before)],
          ['Deadline', job.deadline && time(job.deadline)],
          ['Priority', job.priority && String(job.priority)],
        ]),
      ),
    )
    this.update()
  }

  update() {
    const { job } = this.run
    const counts = this.run.counts()
    say(this.chip, job.state)
    this.chip.dataset.state = job.state
    say(this.message, job.message ?? '')
    this.message.hidden = !job.message
    const done = counts.ran + counts.hit + counts.failed
    replace(
      this.bar,
      progress({
        total: this.run.tasks.length - counts.skipped,
        done,
        hits: counts.hit,
        failed: counts.failed,
        running: counts.running,
      }),
    )
    const from = job.started ?? job.submitted
    const saved = job.cost?.saved_ns
    replace(
      this.numbers,
      [
        [plural(this.run.tasks.length, 'task')],
        [count(counts.ran), 'ran', 'ran'],
        [count(counts.hit), 'from the memo', 'hit'],
        counts.running > 0 && [count(counts.running), 'running', 'running'],
        counts.failed > 0 && [count(counts.failed), 'failed', 'failed'],
        job.started && [
          durationMs((job.ended ?? Date.now()) - from),
          isOver(job.state) ? 'in all' : 'so far',
        ],
        Number(saved) > 0 && [duration(saved), 'saved'],
        job.submitted && [ago(job.submitted), 'submitted'],
      ]
        .filter(Boolean)
        .map(([value, name = '', state]) =>
          el(
            'span',
            { data: state ? { state } : {} },
            el('b', {}, value),
            name && ` ${name}`,
          ),
        ),
    )
    this.#actions(job.state)
  }

  // Drawn anew for another state only, so that focus stays.
  #actions(state) {
    if (this.drawn === state) return
    this.drawn = state
    const { owner } = this
    const act = (text, run, options) => button(text, run, options)
    replace(
      this.actions,
      ['queued', 'running'].includes(state) &&
        act('Suspend', async () => {
          const answer = await ask(
            'Suspend this job?',
            'It keeps all it has, for as long as you like.',
            [
              ['finish', 'Let running tasks finish'],
              ['now', 'Cut them now'],
            ],
          )
          if (answer)
            owner.act('suspend', answer === 'now' ? { now: true } : {})
        }),
      state === 'suspended' &&
        act('Resume', () => owner.act('resume'), { class: 'main' }),
      !isOver(state) &&
        act(
          'Cancel',
          async () => {
            if (
              await ask(
                'Cancel this job?',
                'Running tasks are stopped. Finished results stay in the memo.',
                [['yes', 'Cancel the job']],
              )
            )
              owner.act('cancel')
          },
          { class: 'danger' },
        ),
      ['failed', 'cancelled'].includes(state) &&
        act('Retry', () => owner.act('retry'), { class: 'main' }),
    )
  }
}

function resultsView(run) {
  const element = el('div.results')
  const make = () => {
    const outputs = Object.entries(run.job.outputs ?? {})
    if (!isOver(run.job.state))
      return replace(
        element,
        empty('Not over yet', 'Results stand here once the job is over.'),
      )
    if (outputs.length === 0) return replace(element, empty('No results'))
    return replace(
      element,
      outputs.map(([label, output]) =>
        el(
          'section.card',
          {},
          el(
            'h2',
            {},
            el('a', { href: jobHref(run.id, 'result', label) }, label),
          ),
          output.result
            ? resultView(cidOf(output.result), label)
            : el(
                'p.bad',
                {},
                [output.end, output.message].filter(Boolean).join(': ') ||
                  'no result',
              ),
        ),
      ),
    )
  }
  make()
  let was = run.job.state
  return {
    element,
    mark() {},
    stop() {},
    update() {
      if (was !== run.job.state) make()
      was = run.job.state
    },
  }
}
