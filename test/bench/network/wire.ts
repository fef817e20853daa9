/**
 * What the wire between two nodes carries. A veth pair as it comes passes packets of up to 64 KiB from stack to stack, as no
 * cable does; the other setting cuts them to frames of at most 1,500 bytes before they cross, and lets the receiver's NAPI join
 * what belongs together, as a network card without segmentation of its own would have it.
 */
import { readFileSync } from 'node:fs'
import { setDeviceFeatures } from './ethtool.ts'
import { nodeOf, type Side, sides } from './pair.ts'
import { output } from './process.ts'

export const wires = ['offloads', 'frames'] as const
export type Wire = (typeof wires)[number]

/** How a wire is named in the report. */
export const wireTexts: Readonly<Record<Wire, string>> = {
  offloads: 'veth wire with its offloads',
  frames: 'wire without offloads: frames of 1,500 bytes',
}

/** What a card without segmentation of its own leaves to the kernel; checksums it still does. */
const segmentation = [
  'tx-tcp-segmentation',
  'tx-tcp-ecn-segmentation',
  'tx-tcp-mangleid-segmentation',
  'tx-tcp-accecn-segmentation',
  'tx-tcp6-segmentation',
  'tx-udp-segmentation',
  'tx-udp_tnl-segmentation',
  'tx-udp_tnl-csum-segmentation',
  'tx-gso-list',
] as const

/** Sets both ends. */
export function setWire(pair: number, wire: Wire): void {
  const cuts = segmentation.map((name) => [name, wire === 'offloads'] as const)
  const features = Object.fromEntries([...cuts, ['rx-gro', wire === 'frames'] as const])
  for (const side of sides) setDeviceFeatures(nodeOf(pair, side), 'wire', features)
}

/** Bytes and frames that a node's wire has received. */
export async function receivedFrames(
  pair: number,
  side: Side,
): Promise<{ readonly bytes: number; readonly frames: number }> {
  const [device] = JSON.parse(await output(['ip', '-n', nodeOf(pair, side), '-json', '-s', 'link', 'show', 'wire']))
  return { bytes: device.stats64.rx.bytes, frames: device.stats64.rx.packets }
}

/** The release of the running kernel, for the head of the report. */
export function kernelRelease(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
}
