import { expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { parseConfig, usesSwap } from './config.ts'
import { kubeletFlags } from './flags.ts'

const host = { hostName: 'Machine-1', addresses: ['192.0.2.7', '192.0.2.8'] }
const header = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' }
const runtime = '--container-runtime-endpoint=unix:///run/c.sock'
const parse = (argv: readonly string[], file?: unknown) => {
  const { values, given } = parseFlags(kubeletFlags, argv)
  return parseConfig(values, given, file, host)
}

test('parseConfig() has upstream defaults', () => {
  expect(parse([runtime])).toMatchObject({
    nodeName: 'machine-1',
    nodeIps: ['192.0.2.7'],
    port: 10_250,
    healthzPort: 10_248,
    maxPods: 110,
    anonymous: false,
    authorization: 'Webhook',
    syncFrequencyMs: 60_000,
    leaseDurationSeconds: 40,
    podLogsDir: '/var/log/pods',
  })
})

test('parseConfig() takes the file, and flags over it', () => {
  const file = {
    ...header,
    clusterDNS: ['10.96.0.10'],
    maxPods: 5,
    syncFrequency: '10s',
    authentication: { anonymous: { enabled: true }, x509: { clientCAFile: '/ca' } },
    systemReserved: { cpu: '1' },
    evictionHard: { 'memory.available': '5%' },
  }
  expect(parse([runtime, '--max-pods=7', '--node-ip=10.0.0.1', '--hostname-override=n1'], file)).toMatchObject({
    nodeName: 'n1',
    nodeIps: ['10.0.0.1'],
    maxPods: 7,
    clusterDns: ['10.96.0.10'],
    syncFrequencyMs: 10_000,
    anonymous: true,
    clientCaFile: '/ca',
    reserved: { cpu: '1' },
    evictionHard: [{ signal: 'memory.available', share: 0.05, amount: undefined }],
  })
})

test('parseConfig() lists everything that is wrong', () => {
  const file = { ...header, maxPods: 'many', syncFrequency: 'soon', authorization: { mode: 'Maybe' } }
  expect(() => parse([], file)).toThrow(
    'authorization.mode must be one of AlwaysAllow, Webhook; maxPods must be an integer; syncFrequency must be a duration; the container runtime endpoint address was not specified or empty',
  )
})

test('parseConfig() refuses another kind', () => {
  expect(() => parse([runtime], { kind: 'Pod', apiVersion: 'v1' })).toThrow(
    'no kind "Pod" is registered for version "v1"',
  )
})

test('parseConfig() reads taints and labels of the registration', () => {
  const config = parse([runtime, '--register-with-taints=a=b:NoSchedule,c:NoExecute', '--node-labels=x=1,y='])
  expect(config.registerWithTaints).toEqual([
    { key: 'a', value: 'b', effect: 'NoSchedule' },
    { key: 'c', effect: 'NoExecute' },
  ])
  expect(config.nodeLabels).toEqual({ x: '1', y: '' })
})

test('parseConfig() refuses a cgroup driver that it does not have', () => {
  expect(() => parse([runtime, '--cgroup-driver=systemd'])).toThrow('cgroupDriver must be one of cgroupfs')
  expect(() => parse([runtime], { ...header, cgroupDriver: 'systemd' })).toThrow('cgroupDriver must be one of cgroupfs')
})

test('parseConfig() names the fields of the file that change nothing', () => {
  const file = {
    ...header,
    maxPods: 5,
    evictionHard: { 'memory.available': '5%' },
    systemReserved: { cpu: '1' },
    evictionSoft: { 'memory.available': '10%' },
    authentication: { x509: { clientCAFile: '/ca' }, webhook: { cacheTTL: '2m' } },
    featureGates: {},
  }
  expect(parse([runtime], file).ignoredFields).toEqual([
    'evictionSoft.memory.available',
    'authentication.webhook.cacheTTL',
  ])
})

test('usesSwap() looks below the header', () => {
  const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  expect([usesSwap(''), usesSwap(header), usesSwap(`${header}/dev/sda2 partition 1 0 -2\n`)]).toEqual([
    false,
    false,
    true,
  ])
})
