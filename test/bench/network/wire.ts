/**
 * What the wire between two nodes carries. A veth pair as it comes passes packets of up to 64 KiB from stack to stack, as no
 * cable does; the other setting cuts them to frames of at most 1,500 bytes before they cross, and lets the receiver's NAPI join
 * what belongs together, as a network card without segmentation of its own would have it.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import koffi from 'koffi'
import { ip, nodeOf, type Side, sides } from './pair.ts'
import { output } from './process.ts'

export const wires = ['offloads', 'frames'] as const
export type Wire = (typeof wires)[number]

/** How a wire is named in the report. */
export const wireTexts: Readonly<Record<Wire, string>> = {
  offloads: 'veth wire with its offloads',
  frames: 'wire without offloads: frames of 1,500 bytes',
}

/** Sets both ends. */
export async function setWire(pair: number, wire: Wire): Promise<void> {
  for (const side of sides) {
    const node = nodeOf(pair, side)
    // More than one segment is more than the device takes: the kernel cuts before it hands over (gso_features_check).
    await ip([`link set dev wire gso_max_segs ${wire === 'frames' ? 1 : 65_535}`], node)
    setGro(node, 'wire', wire === 'frames')
  }
}

/** Bytes and frames that a node's wire has received. */
export async function receivedFrames(
  pair: number,
  side: Side,
): Promise<{ readonly bytes: number; readonly frames: number }> {
  const [device] = JSON.parse(await output(['ip', '-n', nodeOf(pair, side), '-json', '-s', 'link', 'show', 'wire']))
  return { bytes: device.stats64.rx.bytes, frames: device.stats64.rx.packets }
}

const libc = koffi.load('libc.so.6')
const setns = libc.func('int setns(int fd, int type)')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')
const close = libc.func('int close(int fd)')

const newNetwork = 0x4000_0000
const siocEthtool = 0x8946
const ethtoolSetGro = 0x2c

/** `ethtool -K DEVICE gro on|off`, without needing ethtool. Synchronous, because the thread visits the namespace meanwhile. */
function setGro(namespace: string, device: string, isOn: boolean): void {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const there = openSync(`/run/netns/${namespace}`, 'r')
  try {
    if (setns(there, newNetwork) !== 0) throw new Error(`enter ${namespace}`)
    const fd: number = socket(2, 2, 0)
    const value = Buffer.alloc(8)
    value.writeUInt32LE(ethtoolSetGro, 0)
    value.writeUInt32LE(isOn ? 1 : 0, 4)
    const request = Buffer.alloc(40)
    request.write(device, 0, 15, 'latin1')
    request.writeBigUInt64LE(koffi.address(value), 16)
    const answer: number = ioctl(fd, siocEthtool, request)
    close(fd)
    // The value must outlive the call that is given its address.
    if (answer !== 0 || value.length !== 8) throw new Error(`set GRO of ${device}`)
  } finally {
    if (setns(home, newNetwork) !== 0) process.abort()
    closeSync(there)
    closeSync(home)
  }
}

/** The release of the running kernel, for the head of the report. */
export function kernelRelease(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
}
