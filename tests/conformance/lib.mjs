// SPDX-License-Identifier: Apache-2.0
// lib.mjs - what the conformance scripts share: chance from a seed, our side
// at the end of a pipe, and counting.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export const seed = Number(process.env.IPVM_SEED ?? 1)

// mulberry32: small, and the same everywhere.
export class Chance {
  constructor (from) { this.state = from >>> 0 }

  next () {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let t = this.state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  below (bound) { return this.next() % bound }
  one (list) { return list[this.below(list.length)] }
  bytes (len) { return Uint8Array.from({ length: len }, () => this.below(256)) }
}

export const hex = bytes => Buffer.from(bytes).toString('hex')

// Our side: asks many questions, gives the answers in their order.
export class Peer {
  constructor (program) {
    this.child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.waiting = []
    createInterface({ input: this.child.stdout }).on('line', line => {
      const [verdict, rest = ''] = line.split('\t')
      this.waiting.shift()({ ok: verdict === 'ok', text: rest })
    })
    this.child.on('exit', code => {
      for (const answer of this.waiting) answer({ ok: false, text: `peer exited with ${code}` })
      if (code !== 0) { console.log(`not ok - our side exited with ${code}`); process.exit(1) }
    })
  }

  ask (...fields) {
    return new Promise(resolve => {
      this.waiting.push(resolve)
      this.child.stdin.write(fields.join('\t') + '\n')
    })
  }

  close () { this.child.stdin.end() }
}

// One line a check of many cases: what was compared, how often, and the first
// few that differ.
export class Check {
  constructor (text) { this.text = text; this.count = 0; this.bad = []; this.known = new Map() }

  equal (ours, theirs, about) {
    this.count++
    if (ours !== theirs) this.bad.push(`${about}\n    ours   ${ours}\n    theirs ${theirs}`)
  }

  // A difference that is there for a reason.
  differs (reason) {
    this.count++
    this.known.set(reason, (this.known.get(reason) ?? 0) + 1)
  }

  end () {
    const good = this.bad.length === 0 && this.count > 0
    console.log(`${good ? 'ok' : 'not ok'} - ${this.text} (${this.count} cases, seed ${seed})`)
    for (const [reason, count] of this.known) console.log(`  differs ${count} times: ${reason}`)
    for (const bad of this.bad.slice(0, 5)) console.log('  ' + bad)
    if (!good) process.exitCode = 1
  }
}
