import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hostLocal } from './host-local.ts'
import type { Request } from './protocol.ts'

let dataDir = ''
beforeEach(async () => {
  dataDir = await mkdtemp(`${tmpdir()}/host-local-`)
})
afterEach(async () => await rm(dataDir, { recursive: true }))

const signal = AbortSignal.timeout(30_000)

function request(containerId: string, more: Partial<Request> = {}, ipam: object = { subnet: '10.0.0.0/29' }): Request {
  const config = { cniVersion: '1.1.0', name: 'net', type: 'host-local', ipam: { dataDir, ...ipam } }
  return { command: 'ADD', containerId, netns: '', ifname: 'eth0', args: {}, path: [], config, ...more }
}

const add = async (...args: Parameters<typeof request>): Promise<string> =>
  (await hostLocal.add(request(...args), signal)).ips[0]?.address ?? ''

test('add() hands out one address after another and writes them as upstream does', async () => {
  expect(await add('a')).toBe('10.0.0.2/29')
  expect(await add('b')).toBe('10.0.0.3/29')
  expect((await readdir(`${dataDir}/net`)).sort()).toEqual(['10.0.0.2', '10.0.0.3', 'last_reserved_ip.0'])
  expect(await readFile(`${dataDir}/net/10.0.0.2`, 'utf8')).toBe('a\r\neth0')
  expect(await readFile(`${dataDir}/net/last_reserved_ip.0`, 'utf8')).toBe('10.0.0.3')
})

test('add() lets a freed address rest until the others are used', async () => {
  await add('a')
  await hostLocal.del(request('a'), signal)
  expect(await add('b')).toBe('10.0.0.3/29')
})

test('add() fails when all addresses are taken, in upstream’s words', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e']) await add(id)
  await expect(add('f')).rejects.toThrow(
    'failed to allocate for range 0: no IP addresses available in range set: 10.0.0.1-10.0.0.6',
  )
})

test('add() refuses a second address for the same interface', async () => {
  await add('a')
  await expect(add('a')).rejects.toThrow('10.0.0.2 has been allocated to a, duplicate allocation is not allowed')
})

test('add() gives every one of many at the same time an address of its own', async () => {
  const ids = Array.from({ length: 60 }, (_, i) => `c${i}`)
  const given = await Promise.all(ids.map(async (id) => await add(id, {}, { subnet: '10.0.0.0/24' })))
  expect(new Set(given).size).toBe(60)
})

test('add() gives the address that is asked for, or says why not', async () => {
  expect(await add('a', { args: { IP: '10.0.0.5' } })).toBe('10.0.0.5/29')
  await expect(add('b', { args: { IP: '10.0.0.5' } })).rejects.toThrow(
    'requested IP address 10.0.0.5 is not available in range set 10.0.0.1-10.0.0.6',
  )
  await expect(add('b', { args: { IP: '10.0.0.1' } })).rejects.toThrow("requested ip 10.0.0.1 is subnet's gateway")
  await expect(add('b', { args: { IP: '10.9.0.1' } })).rejects.toThrow('failed to allocate all requested IPs: 10.9.0.1')
  expect(await readdir(`${dataDir}/net`)).not.toContain('10.0.0.2')
})

test('add() takes one address of each range set, and none when one set is full', async () => {
  const ipam = {
    ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: 'fd00::/126', rangeStart: 'fd00::2', rangeEnd: 'fd00::2' }]],
  }
  const { ips } = await hostLocal.add(request('a', {}, ipam), signal)
  expect(ips.map(({ address }) => address)).toEqual(['10.0.0.2/24', 'fd00::2/126'])
  await expect(add('b', {}, ipam)).rejects.toThrow('failed to allocate for range 1')
  expect(await readdir(`${dataDir}/net`)).not.toContain('10.0.0.3')
})

test('del() may come twice, and leaves other interfaces alone', async () => {
  await add('a')
  await add('a', { ifname: 'eth1' })
  await hostLocal.del(request('a'), signal)
  await hostLocal.del(request('a'), signal)
  expect(await readdir(`${dataDir}/net`)).toEqual(['10.0.0.3', 'last_reserved_ip.0'])
})

test('check() fails for an address that is gone', async () => {
  await add('a')
  await hostLocal.check(request('a'), signal)
  await hostLocal.del(request('a'), signal)
  await expect(hostLocal.check(request('a'), signal)).rejects.toThrow('Failed to find address added by container a')
})

test('gc() releases what no living attachment holds, also what a crash has left', async () => {
  await add('a')
  await add('b')
  await writeFile(`${dataDir}/net/10.0.0.6`, '')
  await writeFile(`${dataDir}/net/.c-eth0-1.tmp`, '')
  const config = { ...request('x').config, 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }] }
  await hostLocal.gc(request('x', { config }), signal)
  expect((await readdir(`${dataDir}/net`)).sort()).toEqual(['10.0.0.3', 'last_reserved_ip.0'])
})
