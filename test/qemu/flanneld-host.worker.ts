/**
 * One host of a network, inside the machine: a backend of flanneld with leases from files instead of etcd.
 * Arguments: index of the host, index of the other, net-conf.json, name of the phase.
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
import type { Lease } from '../../flanneld/subnet/lease.ts'
import { subnetOf } from '../../flanneld/testing.ts'

const [, , index = '', other = '', netConf = '', phase = ''] = process.argv
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort(new Error('stopped')))
const { signal } = stop

/** The key and value of a lease in etcd, here in a file. */
function fileOf(host: string): string {
  return `/tmp/lease-${phase}-${host}`
}

async function untilThere(file: string): Promise<string> {
  while (!existsSync(file)) await systemClock.sleep(50, signal)
  return readFileSync(file, 'utf8')
}

function parse(host: string, value: string): Lease {
  const lease = parseLease(`10.244.${host}.0-24&fd00:244:0:${host}::-64`, value)
  if (lease === undefined) throw new Error(`not a lease: ${value}`)
  return lease
}

const logger = createLogger({ name: `host-${index}` })
const config = parseNetworkConfig(netConf)
const stack = familiesOf(config.networks)
const { values } = parseFlags(flags, ['--iface=eth0'])
logger.info('Up')
const external = await findExternal({ flags: values, logger }, {}, stack, signal)
const options = { config, external, clock: systemClock, logger }
const backend = createBackend(options, { flags: values, env: { WIREGUARD_KEY_FILE: `/tmp/wgkey-${index}` } })
logger.info('Chose the interface')
const attributes = await backend.attributes(signal)
writeFileSync(`${fileOf(index)}.new`, renderAttributes(attributes))
renameSync(`${fileOf(index)}.new`, fileOf(index))
const subnets = { ipv4: subnetOf(`10.244.${index}.0/24`), ipv6: subnetOf(`fd00:244:0:${index}::/64`) }
const own: Lease = {
  ...perFamily(familiesOf(attributes), (family) => {
    const reach = attributes[family]
    return reach === undefined ? undefined : { ...reach, subnet: subnets[family] }
  }),
  backendType: attributes.backendType,
}
logger.info('Leased')
const running = await backend.start(own, signal)

async function* leases(): AsyncGenerator<readonly Lease[]> {
  yield [parse(other, await untilThere(fileOf(other)))]
  writeFileSync(`/tmp/ready-${phase}-${index}`, String(backend.mtu))
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

await running.run(leases(), signal).catch((error: unknown) => {
  if (!signal.aborted) throw error
})
process.exit(0)
