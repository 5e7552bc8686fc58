// SPDX-License-Identifier: Apache-2.0
// results.js - what a job came to: its outputs, once it is over.

import { cidOf } from '/api.js'
import { el, empty, replace } from '/dom.js'
import { jobHref } from '/job_head.js'
import { resultView } from '/result.js'
import { isOver } from '/run.js'

export function resultsView(run) {
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
