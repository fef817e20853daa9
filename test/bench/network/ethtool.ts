/** `ethtool -K` without ethtool: turns offloads of a device on and off. */
import { closeSync, openSync } from 'node:fs'
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const setns = libc.func('int setns(int fd, int type)')
const socket = libc.func('int socket(int domain, int type, int protocol)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)')
const close = libc.func('int close(int fd)')

/** Numbers of linux/ethtool.h and linux/sockios.h. */
const newNetwork = 0x4000_0000
const siocEthtool = 0x8946
const getStrings = 0x1b
const getSetInfo = 0x37
const setFeatures = 0x3b
const featureNames = 4
const nameBytes = 32

/**
 * Sets features by the names that `ethtool -k` gives long ones, such as `tx-udp-segmentation`; those that this kernel does not know
 * are left out. Synchronous, because this thread visits the namespace meanwhile.
 */
export function setDeviceFeatures(namespace: string, device: string, wanted: Readonly<Record<string, boolean>>): void {
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const there = openSync(`/run/netns/${namespace}`, 'r')
  try {
    if (setns(there, newNetwork) !== 0) throw new Error(`enter ${namespace}`)
    const fd: number = socket(2, 2, 0)
    try {
      const names = readFeatureNames(fd, device)
      command(fd, device, featureChange(names, wanted))
    } finally {
      close(fd)
    }
  } finally {
    // A bench that is lost in a foreign namespace would measure anything.
    if (setns(home, newNetwork) !== 0) process.abort()
    closeSync(there)
    closeSync(home)
  }
}

function readFeatureNames(fd: number, device: string): readonly string[] {
  const info = words(getSetInfo, 0, 1 << featureNames, 0, 0)
  command(fd, device, info)
  const count = info.readUInt32LE(16)
  const strings = Buffer.concat([words(getStrings, featureNames, count), Buffer.alloc(count * nameBytes)])
  command(fd, device, strings)
  return Array.from({ length: count }, (_, index) => {
    const name = strings.subarray(12 + index * nameBytes, 12 + (index + 1) * nameBytes)
    return name.toString('latin1').replace(/\0.*$/s, '')
  })
}

/** `struct ethtool_sfeatures`: for each 32 features which ones are meant, and what they shall be. */
export function featureChange(names: readonly string[], wanted: Readonly<Record<string, boolean>>): Buffer {
  const blocks = Math.ceil(names.length / 32)
  const change = Buffer.alloc(8 + 8 * blocks)
  change.writeUInt32LE(setFeatures, 0)
  change.writeUInt32LE(blocks, 4)
  for (const [index, name] of names.entries()) {
    const isOn = wanted[name]
    if (isOn === undefined) continue
    const at = 8 + 8 * Math.floor(index / 32)
    const bit = 1 << (index % 32)
    change.writeInt32LE(change.readInt32LE(at) | bit, at)
    if (isOn) change.writeInt32LE(change.readInt32LE(at + 4) | bit, at + 4)
  }
  return change
}

function words(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) buffer.writeUInt32LE(value, 4 * index)
  return buffer
}

/** SIOCETHTOOL with a `struct ifreq` that points to the command's own structure. */
function command(fd: number, device: string, structure: Buffer): void {
  const request = Buffer.alloc(40)
  request.write(device, 0, 15, 'latin1')
  request.writeBigUInt64LE(koffi.address(structure), 16)
  const answer: number = ioctl(fd, siocEthtool, request)
  // The structure must outlive the call that is given its address: it is read here. A positive answer says which features were fixed.
  if (answer < 0) throw new Error(`ethtool command ${structure.readUInt32LE(0)} on ${device}`)
}
