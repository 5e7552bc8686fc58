// SPDX-License-Identifier: Apache-2.0
// link.js - says when the node does not answer, and that this page waits.

import { say } from '/dom.js'

const BEFORE_SAYING_MS = 800
let timer = 0

// state: 'live' or 'waiting'.
export function showLink(state) {
  const element = document.getElementById('link')
  clearTimeout(timer)
  if (state === 'live') {
    element.hidden = true
    return
  }
  // A moment's break is no news.
  timer = setTimeout(() => {
    say(
      element,
      'The node does not answer. This page goes on by itself when it is back.',
    )
    element.hidden = false
  }, BEFORE_SAYING_MS)
}
