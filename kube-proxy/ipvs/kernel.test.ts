import { expect, test } from 'vitest'
import { ExecError } from '../../component-base/exec.ts'
import { NetlinkError, NetlinkUnavailableError } from '../../component-base/netlink/message.ts'
import type { IpvsOperation } from '../../netfilter/ipvs.ts'
import { FakeKernel } from './fake-kernel.ts'
import { obstacleTo, wantedSettings } from './kernel.ts'
import { defaultIpvsSettings } from './settings.ts'

const { signal } = new AbortController()
const killed = async (kernel: FakeKernel, all: readonly IpvsOperation[]) => {
  if (all[0]?.type === 'deleteServer') throw new Error('killed')
  return await kernel.ipvs.apply(all, signal)
}
const fail = (message: string, exitCode?: number) => async () => {
  throw new ExecError(message, { exitCode, stdout: '', stderr: message }, undefined)
}

test('obstacleTo() finds none where everything works, and leaves nothing behind', async () => {
  const kernel = new FakeKernel()
  expect(await obstacleTo(defaultIpvsSettings, kernel, signal)).toBeUndefined()
  expect(kernel.servers.size).toBe(0)
})

test('obstacleTo() takes away what a probe that was killed has left', async () => {
  const kernel = new FakeKernel()
  const ipvs = { ...kernel.ipvs, apply: async (all: readonly IpvsOperation[]) => await killed(kernel, all) }
  await expect(obstacleTo(defaultIpvsSettings, { ...kernel.tools, ipvs }, signal)).rejects.toThrow('killed')
  expect(kernel.servers.size).toBe(1)
  expect(await obstacleTo(defaultIpvsSettings, kernel, signal)).toBeUndefined()
  expect(kernel.servers.size).toBe(0)
})

const refused = (code: string) => async (operations: readonly IpvsOperation[]) =>
  operations.map((operation) => ({ operation, code }))
test.each([
  ['ipset is not installed', { ipset: { version: fail('spawn ipset ENOENT') } }],
  ['the kernel has no ipset (module ip_set)', { ipset: { version: fail('Cannot open session to kernel', 1) } }],
  ['the kernel has no IPVS (module ip_vs)', { ipvs: { load: async () => false } }],
  ['the kernel has no IPVS scheduler "wlc" (module ip_vs_wlc)', { ipvs: { apply: refused('ENOENT') } }],
  ['the kernel does not let this process use IPVS (EPERM)', { ipvs: { apply: refused('EPERM') } }],
  ['the kernel has no dummy devices (module dummy)', { device: { ensure: async () => false } }],
  [
    'the kernel does not let this process use IPVS (EPERM)',
    { device: { ensure: async () => await Promise.reject(new NetlinkError('EPERM')) } },
  ],
  [
    'calls into libc are not possible',
    {
      ipvs: { load: async () => await Promise.reject(new NetlinkUnavailableError('calls into libc are not possible')) },
    },
  ],
])('obstacleTo() says: %s', async (sentence, broken: { ipset?: object; ipvs?: object; device?: object }) => {
  const kernel = new FakeKernel()
  const tools = {
    ipset: { ...kernel.ipset, ...broken.ipset },
    ipvs: { ...kernel.ipvs, ...broken.ipvs },
    device: { ...kernel.device, ...broken.device },
  }
  expect(await obstacleTo({ ...defaultIpvsSettings, scheduler: 'wlc' }, tools, signal)).toBe(sentence)
})

test('wantedSettings() sets conn_reuse_mode only where the kernel has it wrong', () => {
  const names = (release: string) => wantedSettings(defaultIpvsSettings, release).map(([name]) => name)
  expect(names('5.4.0-42-generic')).toContain('net/ipv4/vs/conn_reuse_mode')
  expect(names('5.9.0')).not.toContain('net/ipv4/vs/conn_reuse_mode')
  expect(names('6.1.0-56-cloud-amd64')).not.toContain('net/ipv4/vs/conn_reuse_mode')
})

test('wantedSettings() answers ARP strictly when told to', () => {
  expect(wantedSettings({ ...defaultIpvsSettings, isStrictArp: true }, '6.1.0')).toEqual(
    expect.arrayContaining([
      ['net/ipv4/conf/all/arp_ignore', '1'],
      ['net/ipv4/conf/all/arp_announce', '2'],
    ]),
  )
})
