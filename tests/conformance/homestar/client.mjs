// SPDX-License-Identifier: Apache-2.0
// client.mjs - asks our node as the clients of the reference implementation do.
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Homestar } from '@fission-codes/homestar'
import * as build from '@fission-codes/homestar/workflow'
import { Health, Node, WorkflowNotification } from './node_modules/@fission-codes/homestar/src/schemas.js'
import { WebsocketTransport } from '@fission-codes/channel/transports/ws.js'
import * as cbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { WebSocket } from 'ws'

const [port, addOne, image, picture, cropped, demoModule, demoPicture] = process.argv.slice(2)
const url = `ws://localhost:${port}`
let failed = 0

function check (what, holds, more) {
  console.log(`${holds ? 'ok' : 'not ok'} - ${what}`)
  if (holds) return
  failed++
  if (more !== undefined) console.log('  ', more)
}

const open = () => {
  const client = new Homestar({ transport: new WebsocketTransport(url) })
  client.on('error', error => check('the client reports no error', false, error))
  return client
}

// All that is told of a workflow.
function told (client, workflow, count = workflow.workflow.tasks.length) {
  return new Promise((resolve, reject) => {
    const all = []
    const late = setTimeout(() => reject(new Error(`told of ${all.length} tasks`)), 20000)
    client.runWorkflow(workflow, notice => {
      all.push(notice)
      if (all.length !== count) return
      clearTimeout(late)
      resolve(all)
    }).then(({ error }) => { if (error) { clearTimeout(late); resolve({ error }) } })
  })
}

const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0
const values = all => all.map(notice => notice.receipt.out)

// --- Its own client ---------------------------------------------------------

const client = open()
check('health', (await client.health()).result.healthy === true)
const about = (await client.node()).result
check('node', about.static.peer_id.startsWith('12D3KooW'), about)
const metrics = (await client.metrics()).result.metrics
check('metrics', metrics.length > 5 && metrics.every(one =>
  one.metric_type === 'gauge' && one.data[0].type === 'metric' && !isNaN(one.data[0].value)))
const few = (await raw('metrics', [{ prefix: 'ipvm_store' }])).result.metrics
check('metrics by prefix', few.length === 2)
check('what it validates is valid',
  Node.safeParse(about).success && Health.safeParse((await client.health()).result).success)

const plus = (name, a) => build.addOne({ name, resource: `ipfs://${addOne}`, args: { a } })
const sum = await build.workflow({
  name: 'sum',
  workflow: { tasks: [plus('a', 1), plus('b', '{{needs.a.output}}'), plus('c', '{{needs.b.output}}')] }
})
const first = await told(client, sum)
check('a workflow is told task by task, in order',
  JSON.stringify(values(first)) === '[["ok",2],["ok",3],["ok",4]]', first)
check('none was replayed', first.every(one => one.metadata.replayed === false), first)
check('its name is the one it was given', first.every(one => one.metadata.name === 'sum'))
check('it is named as the reference names it', first.every(one =>
  one.metadata.workflow.toString() === first[0].metadata.workflow.toString() &&
  one.metadata.workflow.multihash.code === 0x16))
check('receipts are as its schema says', first.every(one => WorkflowNotification.safeParse(one).success),
  WorkflowNotification.safeParse(first[0]).error)
const again = await told(client, sum)
check('the second time all are replayed', again.every(one => one.metadata.replayed === true), again)
check('with the same receipts',
  again.every((one, at) => one.receipt_cid.equals(first[at].receipt_cid)))
const [one, two] = await Promise.all([told(client, sum), told(client, sum)])
check('two at once on one connection', one.length === 3 && two.length === 3)

const crop = await build.workflow({
  name: 'crop',
  workflow: {
    tasks: [build.crop({
      name: 'crop',
      resource: `ipfs://${image}`,
      args: { data: `{{ cid:${picture} }}`, x: 1, y: 2, width: 30, height: 40 }
    })]
  }
})
const [picked] = await told(client, crop)
check('a picture comes whole, out of a result<list<u8>, string>',
  picked.receipt.out[0] === 'ok' && same(picked.receipt.out[1][0], readFileSync(cropped)), picked)

const nobody = await told(client, await build.workflow({
  name: 'nobody',
  workflow: { tasks: [build.invocation({ name: 'a', resource: `ipfs://${addOne}`, args: [1], func: 'subtract' })] }
}))
check('an unknown function is an error', /subtract/.test(nobody.error?.message ?? ''), nobody)
const nowhere = await told(client, await build.workflow({
  name: 'nowhere',
  workflow: { tasks: [build.addOne({ name: 'a', resource: `ipfs://${picture.slice(0, -4)}aaaa`, args: { a: 1 } })] }
}))
check('an absent module is an error', nowhere.error !== undefined, nowhere)
const wrong = await told(client, await build.workflow({
  name: 'wrong',
  workflow: {
    tasks: [build.rotate90({ name: 'a', resource: `ipfs://${image}`, args: { data: 17 } }),
      build.rotate90({ name: 'b', resource: `ipfs://${image}`, args: { data: '{{needs.a.output}}' } })]
  }
}))
check('a task without a result is told as an error, and what awaited it',
  wrong.length === 2 && wrong.every(one => one.receipt.out[0] === 'error'), wrong)
const events = await client.networkEvents()
check('network events can be subscribed and ended', typeof events.result === 'function')
events.result()

if (demoModule) await demo()

// --- Its demo, where its module is at hand ----------------------------------

async function demo () {
  const resource = `ipfs://${demoModule}`
  const data = `{{ cid:${demoPicture} }}`
  const steps = {
    crop: build.crop({ name: 'crop', resource, args: { data, x: 150, y: 350, height: 500, width: 500 } }),
    rotate90: build.rotate90({ name: 'rotate90', resource, args: { data: '{{needs.crop.output}}' } }),
    blur: build.blur({ name: 'blur', resource, args: { data: '{{needs.rotate90.output}}', sigma: 20.2 } }),
    gray: build.grayscale({ name: 'grayscale', resource, args: { data: '{{needs.rotate90.output}}' } })
  }
  const { crop, rotate90, blur, gray } = steps
  const first = await told(client, await build.workflow({ name: 'one', workflow: { tasks: [crop, rotate90, blur] } }))
  const second = await told(client, await build.workflow({ name: 'two', workflow: { tasks: [crop, rotate90, gray] } }))
  check('the demo: one runs', first.every(one => one.receipt.out[0] === 'ok' && !one.metadata.replayed))
  check('the demo: two replays what it shares',
    second.map(one => one.metadata.replayed).join() === 'true,true,false')
  check('the demo: two is named as in the tests of the reference',
    second[0].metadata.workflow.toString() === 'bafyrmiatb7idqtty56hy3hrfa6ur6qkspyrhaf6n6ynmqsntjvym47mbrq')
  check('the demo: pictures are PNG',
    [...first, ...second].every(one => same(one.receipt.out[1].slice(1, 4), Buffer.from('PNG'))))
}

// --- Its protocol, by hand --------------------------------------------------

function socket (options = {}) {
  return new Promise((resolve, reject) => {
    const made = new WebSocket(url, options)
    made.on('open', () => resolve(made))
    made.on('error', reject)
    made.on('unexpected-response', (_, response) => reject(new Error(`status ${response.statusCode}`)))
  })
}
function next (made) {
  return new Promise(resolve => made.once('message', data => resolve(JSON.parse(data))))
}
async function say (made, message) {
  const answer = next(made)
  made.send(typeof message === 'string' ? message : JSON.stringify(message))
  return answer
}
async function raw (method, params) {
  const made = await socket()
  const answer = await say(made, { jsonrpc: '2.0', id: 1, method, params })
  made.close()
  return answer
}
function http (options, body) {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, ...options }, response => {
      let text = ''
      response.on('data', piece => { text += piece })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const made = await socket()
check('no JSON', (await say(made, '{')).error.code === -32700)
check('no request', (await say(made, { id: 3 })).error.code === -32600)
const unknown = await say(made, { jsonrpc: '2.0', id: 'x', method: 'fly' })
check('no such method, and the id comes back', unknown.error.code === -32601 && unknown.id === 'x')
const batch = await say(made, [{ jsonrpc: '2.0', id: 1, method: 'health' },
  { jsonrpc: '2.0', method: 'health' }, { jsonrpc: '2.0', id: 2, method: 'node' }])
check('a batch; who gives no id gets no answer', batch.map(one => one.id).join() === '1,2', batch)
check('discovery', (await raw('rpc.discover')).result.methods.length === 8)
check('no parameters', (await say(made, { jsonrpc: '2.0', id: 1, method: 'subscribe_run_workflow' })).error.code === -32602)
check('no tasks', (await say(made, { jsonrpc: '2.0', id: 1, method: 'subscribe_run_workflow', params: [{ workflow: {} }] })).error.code === -32602)

// Links of the workflow as CIDs, for bytes of DAG-CBOR.
const linked = JSON.parse(JSON.stringify(sum), (_, value) =>
  value && typeof value === 'object' && typeof value['/'] === 'string' ? CID.parse(value['/']) : value)
async function runs (what, params) {
  const answer = await say(made, { jsonrpc: '2.0', id: 7, method: 'subscribe_run_workflow', params })
  const notice = typeof answer.result === 'string' ? await next(made) : answer
  const text = Buffer.from(notice.params?.result ?? []).toString()
  check(what, notice.method === 'subscribe_run_workflow' &&
    notice.params.subscription === answer.result && JSON.parse(text).receipt.out[1] === 2, answer)
  const end = () => new Promise(resolve => {
    const listen = data => {
      const message = JSON.parse(data)
      if (message.id !== 8) return
      made.off('message', listen)
      resolve(message.result)
    }
    made.on('message', listen)
    made.send(JSON.stringify({ jsonrpc: '2.0', id: 8, method: 'unsubscribe_run_workflow', params: [answer.result] }))
  })
  check('  and ends once', await end() === true && await end() === false)
}
await runs('by position', [sum])
await runs('as bytes of DAG-CBOR', [Array.from(cbor.encode(linked))])
await runs('by name', { tasks: sum.workflow })

made.close()
check('GET', JSON.parse((await http({ path: '/health' })).text).healthy === true)
check('POST', JSON.parse((await http({ method: 'POST', path: '/' },
  '{"jsonrpc":"2.0","id":1,"method":"health"}')).text).result.healthy === true)
check('no subscription over HTTP', JSON.parse((await http({ method: 'POST', path: '/' },
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe_run_workflow', params: [sum] }))).text).error.code === -32601)
check('nothing else', (await http({ path: '/other' })).status === 404)

// --- Strangers --------------------------------------------------------------

const origin = 'http://localhost:5173'
check('a page of this machine may ask',
  (await http({ path: '/health', headers: { origin } })).headers['access-control-allow-origin'] === origin)
check('a page of somebody else may not', (await http({ path: '/health', headers: { origin: 'https://evil.example' } })).status === 403)
check('nor by a name that leads here', (await http({ path: '/health', headers: { host: 'evil.example' } })).status === 403)
const refusal = await socket({ origin: 'https://evil.example' }).catch(error => error)
check('nor by WebSocket', refusal instanceof Error && /403/.test(refusal.message), refusal)

const large = await socket()
const closed = new Promise(resolve => large.on('close', code => resolve(code)))
large.on('error', () => {})
large.send(Buffer.alloc(11 << 20))
check('a message of 11 MiB is refused', await closed === 1009)

const crowd = await Promise.allSettled(Array.from({ length: 80 }, () => socket()))
const inside = crowd.filter(one => one.status === 'fulfilled').map(one => one.value)
check('no more than 64 connections', inside.length <= 64 && inside.length > 50, inside.length)
for (const each of inside) each.terminate()

// One who asks for pictures and does not listen.
const deaf = []
for (let at = 0; at < 3; at++) {
  const made = await patient(() => socket())
  made.pause()
  for (let count = 0; count < 40; count++) {
    made.send(JSON.stringify({ jsonrpc: '2.0', id: count, method: 'subscribe_run_workflow', params: [crop] }))
  }
  deaf.push(made)
}
check('others are served while some do not listen', (await told(client, sum)).length === 3)
for (const each of deaf) each.terminate()
check('and after they went', (await told(client, sum)).length === 3)

async function patient (ask) {
  for (let count = 0; ; count++) {
    try { return await ask() } catch (error) { if (count > 50) throw error }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

client.close()
process.exit(failed ? 1 : 0)
