/**
 * One host of a network, inside the machine: a backend of flanneld with leases from files instead of etcd.
 * Arguments: index of the host, index of the other, and one backend after the other as `[[name, net-conf.json], …]`.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { systemClock } from '../../component-base/clock.ts'
import { parseFlags } from '../../component-base/flags.ts'
import { createLogger } from '../../component-base/logger.ts'
import { createBackend } from '../../flanneld/backend/backends.ts'
import { parseNetworkConfig } from '../../flanneld/config.ts'
import { findExternal } from '../../flanneld/external.ts'
import { familiesOf, perFamily } from '../../flanneld/family.ts'
import { flags } from '../../flanneld/flags.ts'
import { parseLease, renderAttributes } from '../../flanneld/subnet/etcd-records.ts'
import type { Lease, LeaseAttributes } from '../../flanneld/subnet/lease.ts'
import { subnetOf } from '../../flanneld/testing.ts'

const [, , index = '', other = '', phases = '[]'] = process.argv
const { signal } = new AbortController()
const logger = createLogger({ name: `host-${index}` })

/** The value of a lease in etcd, here in a file. */
function fileOf(phase: string, host: string): string {
  return `/tmp/lease-${phase}-${host}`
}

async function untilThere(file: string, stop: AbortSignal): Promise<string> {
  while (!existsSync(file)) await systemClock.sleep(100, stop)
  return readFileSync(file, 'utf8')
}

function parse(host: string, value: string): Lease {
  const lease = parseLease(`10.244.${host}.0-24&fd00:244:0:${host}::-64`, value)
  if (lease === undefined) throw new Error(`not a lease: ${value}`)
  return lease
}

/** One backend from start to clean stop, which the file `/tmp/end-PHASE` asks for. */
async function runPhase(phase: string, netConf: string): Promise<void> {
  const config = parseNetworkConfig(netConf)
  const { values } = parseFlags(flags, ['--iface=eth0'])
  const external = await findExternal({ flags: values, logger }, {}, familiesOf(config.networks), signal)
  const options = { config, external, clock: systemClock, logger }
  const backend = createBackend(options, { flags: values, env: { WIREGUARD_KEY_FILE: `/tmp/wgkey-${index}` } })
  const attributes = await backend.attributes(signal)
  writeFileSync(`${fileOf(phase, index)}.new`, renderAttributes(attributes))
  renameSync(`${fileOf(phase, index)}.new`, fileOf(phase, index))
  const running = await backend.start(ownLease(attributes), signal)
  const stop = new AbortController()
  const leases = async function* (): AsyncGenerator<readonly Lease[]> {
    yield [parse(other, await untilThere(fileOf(phase, other), stop.signal))]
    writeFileSync(`/tmp/ready-${phase}-${index}`, String(backend.mtu))
    await untilThere(`/tmp/end-${phase}`, stop.signal)
    stop.abort(new Error('the phase is over'))
  }
  await running.run(leases(), stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  writeFileSync(`/tmp/ended-${phase}-${index}`, '')
}

function ownLease(attributes: LeaseAttributes): Lease {
  const subnets = { ipv4: subnetOf(`10.244.${index}.0/24`), ipv6: subnetOf(`fd00:244:0:${index}::/64`) }
  const halves = perFamily(familiesOf(attributes), (family) => {
    const reach = attributes[family]
    return reach === undefined ? undefined : { ...reach, subnet: subnets[family] }
  })
  return { ...halves, backendType: attributes.backendType }
}

for (const [phase, config] of JSON.parse(phases)) await runPhase(phase, JSON.stringify(config))
process.exit(0)
