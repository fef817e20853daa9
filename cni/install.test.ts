import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { renderWrapper } from './install.ts'

let folder = ''
let server: Server

/** A socket that is only there, and a `socat` that notes what it was given. */
beforeAll(async () => {
  folder = await mkdtemp(`${tmpdir()}/cni-install-`)
  server = createServer()
  await new Promise<void>((resolve) => server.listen(`${folder}/socket`, resolve))
  await writeFile(`${folder}/socat`, `#!/bin/sh\ncat > ${folder}/call\necho '0"answered"'\n`)
  await chmod(`${folder}/socat`, 0o755)
})
afterAll(async () => {
  server.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => await rm(`${folder}/call`, { force: true }))

/** What the wrapper writes, and the lines of the call that it makes. */
async function call(plugin: string, command: string, stdin: string): Promise<readonly [string, readonly string[]]> {
  const wrapper = renderWrapper(plugin, { node: '/bin/false', script: '/none', socket: `${folder}/socket` })
  const env = {
    PATH: `${folder}:${process.env['PATH']}`,
    ...{ CNI_COMMAND: command, CNI_CONTAINERID: 'id', CNI_NETNS: '/run/netns/a', CNI_IFNAME: 'eth0' },
    ...{ CNI_ARGS: 'K8S_POD_NAME=a;B=$(false)\\n', CNI_PATH: '/bin' },
  }
  const stdout = await new Promise<string>((resolve, reject) => {
    const child = execFile('sh', ['-c', wrapper], { env }, (error, text) =>
      error === null ? resolve(text) : reject(error),
    )
    child.stdin?.end(stdin)
  })
  const sent = await readFile(`${folder}/call`, 'utf8').catch(() => '')
  return [stdout.trim(), sent.trimEnd().split('\n')]
}

const header = (plugin: string, command: string): readonly string[] => [
  ...[plugin, command, 'id', '/run/netns/a', 'eth0'],
  ...['K8S_POD_NAME=a;B=$(false)\\n', '/bin'],
]

test('renderWrapper() hands call and configuration to the server, whatever is in them', async () => {
  const config = '{\n  "name": "a\\nb $HOME `false` \'x\'"\n}'
  expect(await call('flannel', 'ADD', config)).toEqual([
    '"answered"',
    [...header('flannel', 'ADD'), ...config.split('\n')],
  ])
})

const previous = JSON.stringify({
  cniVersion: '1.0.0',
  interfaces: [{ name: 'eth0', mac: '0a:58:0a:f4:00:02', sandbox: '/run/netns/a' }],
  ips: [{ interface: 0, address: '10.244.0.2/24', gateway: '10.244.0.1' }],
  dns: {},
})
const name = '"cniVersion":"1.0.0","name":"cbr0"'
const chained = `{"capabilities":{"bandwidth":true},${name},"prevResult":${previous},"type":"bandwidth"}`

test('the wrapper of bandwidth answers ADD of a container without limits by itself, as libcni asks it', async () => {
  expect(await call('bandwidth', 'ADD', chained)).toEqual([previous, ['']])
})

test.each([
  ['DEL', chained],
  ['ADD', chained.replace(',"type"', ',"runtimeConfig":{"bandwidth":{"ingressRate":8,"ingressBurst":8}},"type"')],
  ['ADD', chained.replace(',"type"', ',"runtimeConfig":{},"type"')],
  ['ADD', chained.replace(',"type"', ',"shared":{},"type"')],
  ['ADD', chained.replace('"name"', '"egressBurst":8,"egressRate":8,"name"')],
  ['ADD', chained.replace('{"capabilities":{"bandwidth":true},', '{')],
  ['ADD', chained.replace(`"prevResult":${previous},`, '')],
  ['ADD', JSON.stringify(JSON.parse(chained), undefined, 2)],
])('the wrapper of bandwidth leaves every other call to the plugin: %s %s', async (command, stdin) => {
  expect(await call('bandwidth', command, stdin)).toEqual([
    '"answered"',
    [...header('bandwidth', command), ...stdin.split('\n')],
  ])
})
