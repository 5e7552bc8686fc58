// SPDX-License-Identifier: Apache-2.0
// session.js - in by a link that works once, out by a button. The token goes
// from the address bar and the history before anything else happens.

import { postJson, request } from '/api.js'
import { button, el } from '/dom.js'

const TOKEN = /^#token=(.+)$/

// Takes the token out of the address; undefined: there is none.
export function takeToken() {
  const token = TOKEN.exec(location.hash)?.[1]
  if (token) history.replaceState(null, '', '/#/jobs')
  return token && decodeURIComponent(token)
}

export const signIn = (token) => postJson('/v1/session', { token })

export const signOut = () => request('/v1/session', { method: 'DELETE' })

// signInView(done, why) → {element, title, stop()}
export function signInView(done, why = '') {
  const note = el('p.bad', { role: 'alert', hidden: !why }, why)
  const field = el('input', {
    type: 'password',
    'aria-label': 'Link or token',
    placeholder: 'Paste the link here',
    autocomplete: 'off',
    required: true,
  })
  const enter = async (event) => {
    event.preventDefault()
    const text = field.value.trim()
    field.value = ''
    try {
      await signIn(decodeURIComponent(/#token=(.+)$/.exec(text)?.[1] ?? text))
      done()
    } catch (error) {
      note.textContent = error.message
      note.hidden = false
    }
  }
  return {
    title: 'Sign in',
    stop() {},
    element: el(
      'section.sign-in.card',
      {},
      el('h1', {}, 'Sign in to this node'),
      el(
        'p',
        {},
        'Open the link that the node printed when it started. It works once; ask for another with',
      ),
      el('pre', {}, 'ipvm invite'),
      note,
      el(
        'form.tools',
        { onsubmit: enter },
        field,
        button('Sign in', null, { type: 'submit', class: 'main' }),
      ),
    ),
  }
}
