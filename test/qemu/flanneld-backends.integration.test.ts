/** flanneld's ipip and wireguard backends between two hosts, in a machine whose kernel has these devices. */
import { expect, test } from 'vitest'
import { ExecError } from '../../component-base/exec.ts'
import { findParts, runMachine } from './machine.ts'

test('packets travel over ipip and wireguard', { timeout: 560_000 }, async (context) => {
  const tell = (reason: string): void => console.warn(`SKIPPED ipip and wireguard: ${reason}`)
  const parts = await findParts(process.env['PATH'] ?? '', tell, ['wg'])
  if (parts === undefined) return context.skip('no machine')
  const options = {
    entryPoints: ['test/qemu/flanneld-backends.guest.ts', 'test/qemu/flanneld-host.worker.ts'] as const,
    modules: ['veth', 'ipip', 'wireguard'],
    timeoutMs: 420_000,
  }
  const result = await runMachine(parts, options, context.signal).catch((error: unknown) => {
    // What the machine said before its time was over.
    throw error instanceof ExecError ? new Error(error.stdout) : error
  })
  expect(result.exitCode, result.console).toBe(0)
  const { ipip, wireguard, oneTunnel } = JSON.parse(result.output)

  expect.soft(ipip).toMatchObject({ isReached: true, isReachedDirectly: true })
  expect.soft(ipip.link).toMatch(/mtu 1480 [\s\S]*ipip .*remote any local 172\.29\.0\.1/)
  expect.soft(ipip.routes).toContain('10.244.2.0/24 via 172.29.0.2 dev flannel.ipip onlink')
  expect.soft(ipip.directRoutes).toMatch(/10\.244\.2\.0\/24 via 172\.29\.0\.2 dev eth0/)

  expect.soft(wireguard).toMatchObject({
    isReached: [true, true],
    isReachedWhileKilled: true,
    isReachedAgain: true,
    isReachedAnew: true,
  })
  const peers = (dump: string): readonly (readonly string[])[] =>
    dump
      .split('\n')
      .map((line) => line.split('\t'))
      .filter((fields) => fields.length === 9)
  const [ipv4 = [], ipv6 = []] = peers(wireguard.shown)
  expect.soft([ipv4[0], ipv4[3], ipv4[4]]).toEqual(['flannel-wg', '172.29.0.2:51820', '10.244.2.0/24'])
  expect.soft([ipv6[0], ipv6[3], ipv6[4]]).toEqual(['flannel-wg-v6', '[fd29::2]:51821', 'fd00:244:0:2::/64'])
  expect.soft(wireguard.routes).toContain('10.244.0.0/16 dev flannel-wg scope link')
  expect.soft(wireguard.routes).toContain('fd00:244::/48 dev flannel-wg-v6')
  // A restart keeps the keys; the session, too, unless it is two minutes old and so renewed by the kernel.
  const devices = (dump: string): readonly string[] => dump.split('\n').filter((line) => line.split('\t').length === 5)
  expect.soft(devices(wireguard.shownAgain)).toEqual(devices(wireguard.shown))
  expect.soft(Number(peers(wireguard.shownAgain)[0]?.[5])).toBeGreaterThanOrEqual(Number(ipv4[5]))
  expect.soft(oneTunnel.left).not.toContain('flannel-wg')

  expect.soft(oneTunnel.isReached).toEqual([true, true])
  expect
    .soft(peers(oneTunnel.shown).map(([name, , , endpoint, allowed]) => [name, endpoint, allowed]))
    .toEqual([['flannel-wg', '[fd29::2]:5000', '10.244.2.0/24,fd00:244:0:2::/64']])
})
