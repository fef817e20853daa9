import { expect, test } from 'vitest'
import { ExecError } from '../../component-base/exec.ts'
import { parseVirtualServers } from '../../netfilter/ipvs.ts'
import { FakeKernel } from './fake-kernel.ts'
import { obstacleTo, wantedSettings } from './kernel.ts'
import { defaultIpvsSettings } from './settings.ts'

const { signal } = new AbortController()
const fail = (message: string, exitCode?: number) => async () => {
  throw new ExecError(message, { exitCode, stdout: '', stderr: message }, undefined)
}

test('obstacleTo() finds none where everything works, and leaves nothing behind', async () => {
  const kernel = new FakeKernel()
  expect(await obstacleTo(defaultIpvsSettings, kernel, signal)).toBeUndefined()
  expect(kernel.servers.size).toBe(0)
})

test('obstacleTo() tries nothing where the scheduler is in use', async () => {
  const kernel = new FakeKernel()
  kernel.servers = new Map(parseVirtualServers('-A -t 10.96.0.1:80 -s rr'))
  expect(await obstacleTo(defaultIpvsSettings, kernel, signal)).toBeUndefined()
  expect(kernel.scripts).toEqual([])
})

test.each([
  ['ipset is not installed', { ipset: { version: fail('spawn ipset ENOENT') } }],
  ['the kernel has no ipset (module ip_set)', { ipset: { version: fail('Cannot open session to kernel', 1) } }],
  ['ipvsadm is not installed', { ipvs: { save: fail('spawn ipvsadm ENOENT') } }],
  ['the kernel has no IPVS (module ip_vs)', { ipvs: { save: fail("Can't initialize ipvs", 2) } }],
  [
    'the kernel has no IPVS scheduler "wlc" (module ip_vs_wlc)',
    { ipvs: { restore: async () => ['Scheduler or persistence engine not found'] } },
  ],
])('obstacleTo() says: %s', async (sentence, broken: { ipset?: object; ipvs?: object }) => {
  const kernel = new FakeKernel()
  const tools = { ipset: { ...kernel.ipset, ...broken.ipset }, ipvs: { ...kernel.ipvs, ...broken.ipvs } }
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
