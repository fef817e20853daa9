/** The socket and the kernel, in a network namespace of its own. Families that this kernel may lack are met in `test/qemu/`. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../exec.ts'
import { findFamily } from './generic.ts'
import { isRefusal } from './message.ts'
import { withNetlink } from './open.ts'
import {
  addressIn,
  linkIndexIn,
  writeAddress,
  writeAddressQuestion,
  writeDeleteLink,
  writeLinkQuestion,
  writeNewLink,
} from './route.ts'
import type { NetlinkSocket } from './socket.ts'

const { signal } = new AbortController()
const namespace = `nl-${randomBytes(4).toString('hex')}`
const name = 'netlink0'

beforeAll(async () => {
  await run('ip', ['netns', 'add', namespace], { signal })
})

afterAll(async () => {
  await run('ip', ['netns', 'delete', namespace], { signal })
})

const withSocket = async <T>(work: (socket: NetlinkSocket) => T | Promise<T>): Promise<T> =>
  await withNetlink('route', { namespace }, work)
const indexOf = (socket: NetlinkSocket): number => {
  const [answer] = socket.ask((writer) => writeLinkQuestion(writer, name))
  if (answer === undefined) throw new TypeError('no answer')
  return linkIndexIn(answer)
}
const addressesOf = (socket: NetlinkSocket, family: 'ip' | 'ip6') =>
  socket
    .ask((writer) => writeAddressQuestion(writer, family))
    .map(addressIn)
    .filter(({ isLinkLocal }) => !isLinkLocal)
    .map(({ ip }) => ip)
const inspect = async (...args: readonly string[]) => (await run('ip', ['-n', namespace, ...args], { signal })).stdout

/** Far more than one batch holds. */
const many = Array.from({ length: 3_000 }, (_, index) => `10.96.${index >> 8}.${index & 255}`)

test('a device is made, gets thousands of addresses, loses them, and goes', async () => {
  await withSocket((socket) => socket.ask((writer) => writeNewLink(writer, name, 'bridge')))
  const index = await withSocket(indexOf)
  const added = await withSocket(
    async (socket) =>
      await socket.sendAll(many, (writer, ip) => writeAddress(writer, { type: 'add', index, ip }), signal),
  )
  expect(added).toEqual([])
  expect(new Set(await withSocket((socket) => addressesOf(socket, 'ip')))).toEqual(new Set(many))
  // Another program sees the same.
  expect((await inspect('-o', '-4', 'address', 'show', 'dev', name)).split('\n').length - 1).toBe(many.length)
  const removed = await withSocket(
    async (socket) =>
      await socket.sendAll(many, (writer, ip) => writeAddress(writer, { type: 'delete', index, ip }), signal),
  )
  expect(removed).toEqual([])
  expect(await withSocket((socket) => addressesOf(socket, 'ip'))).toEqual([])
  await withSocket((socket) => socket.ask((writer) => writeDeleteLink(writer, index)))
  expect(await inspect('-o', 'link')).not.toContain(name)
}, 60_000)

test('sendAll() tells which messages were refused and why, and does the others', async () => {
  await withSocket((socket) => socket.ask((writer) => writeNewLink(writer, name, 'bridge')))
  const index = await withSocket(indexOf)
  const kept = many.slice(0, 600)
  // Every second one is not there.
  await withSocket(async (socket) => {
    await socket.sendAll(
      kept.filter((_, at) => at % 2 === 0),
      (writer, ip) => writeAddress(writer, { type: 'add', index, ip }),
      signal,
    )
    const refusals = await socket.sendAll(
      [...kept, 'fd00::7'],
      (writer, ip) => writeAddress(writer, { type: 'delete', index, ip }),
      signal,
    )
    expect(refusals.map(({ item }) => item)).toEqual([...kept.filter((_, at) => at % 2 === 1), 'fd00::7'])
    expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['EADDRNOTAVAIL']))
    expect(addressesOf(socket, 'ip')).toEqual([])
  })
})

test('ask() rejects with the kernel’s reason, in this namespace as in another', async () => {
  const ask = (socket: NetlinkSocket) => socket.ask((writer) => writeLinkQuestion(writer, 'none-such'))
  await expect(withSocket(ask)).rejects.toSatisfy((error) => isRefusal(error, 'ENODEV'))
  await expect(withNetlink('route', {}, ask)).rejects.toSatisfy((error) => isRefusal(error, 'ENODEV'))
  await expect(withNetlink('route', { namespace: 'none-such' }, ask)).rejects.toThrow('ENOENT')
})

test('findFamily() finds what every kernel has, and says when there is none', async () => {
  expect(await withNetlink('generic', {}, (socket) => findFamily(socket, 'nlctrl'))).toBe(0x10)
  expect(await withNetlink('generic', {}, (socket) => findFamily(socket, 'none-such'))).toBeUndefined()
})

test('sendAll() stops between two batches when told to', async () => {
  const stop = new AbortController()
  stop.abort(new Error('enough'))
  await withSocket(async (socket) => {
    await expect(
      socket.sendAll(many, (writer, ip) => writeAddress(writer, { type: 'add', index: 1, ip }), stop.signal),
    ).rejects.toThrow('enough')
  })
})
