import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { libc, linux, must } from './backend/udp/libc.ts'
import { notifyReady, unixAddress } from './systemd.ts'

test('notifyReady() sends one datagram to systemd, and nothing where there is none', async () => {
  const folder = await mkdtemp(`${tmpdir()}/notify-`)
  const fd = must('socket', libc.socket(1, linux.SOCK_DGRAM | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC, 0))
  try {
    const address = unixAddress(`${folder}/socket`)
    must('bind', libc.bind(fd, address, address.length))
    notifyReady(`${folder}/socket`)
    notifyReady(undefined)
    const buffer = Buffer.alloc(100)
    const length = libc.read(fd, buffer, buffer.length)
    expect(buffer.toString('utf8', 0, length)).toBe('READY=1')
    expect(libc.read(fd, buffer, buffer.length)).toBe(-1)
    expect(() => notifyReady(`${folder}/nobody`)).toThrow('ENOENT')
  } finally {
    libc.close(fd)
    await rm(folder, { recursive: true, force: true })
  }
})

test('unixAddress() of an abstract socket begins with a zero', () => {
  expect([...unixAddress('@a')].slice(2)).toEqual([0, 97])
})
