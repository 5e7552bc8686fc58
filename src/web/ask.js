// SPDX-License-Identifier: Apache-2.0
// ask.js - a question before something that cannot be undone.

import { button, el } from '/dom.js'

// Resolves to the name of the answer chosen, or null. answers: [[name, text]].
export function ask(title, text, answers) {
  return new Promise((resolve) => {
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'question' },
      el('h2', { id: 'question' }, title),
      el('p', {}, text),
      el(
        'div.actions',
        {},
        answers.map(([name, words], at) =>
          button(
            words,
            () => dialog.close(name),
            at === 0 ? { class: 'main' } : {},
          ),
        ),
        button('Leave it', () => dialog.close('')),
      ),
    )
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue || null)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}
