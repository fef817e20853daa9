/**
 * ARP over Ethernet for IPv4 (RFC 826), as whole frames. Pure.
 *
 *   destination 6 | source 6 | 0x0806 2 | hardware 1 2 | protocol 0x0800 2 | 6 1 | 4 1 | operation 2
 *   | sender hardware 6 | sender address 4 | target hardware 6 | target address 4
 */

export type ArpRequest = { readonly senderMac: Buffer; readonly senderIp: string; readonly targetIp: string }

const frameBytes = 42
const etherTypeArp = 0x0806
const broadcast = Buffer.alloc(6, 0xff)

/** Reads a request; `undefined` for anything else. */
export function parseArpRequest(frame: Buffer): ArpRequest | undefined {
  if (frame.length < frameBytes || frame.readUInt16BE(12) !== etherTypeArp) return undefined
  const isEthernetIpv4 = frame.readUInt32BE(14) === 0x0001_0800 && frame.readUInt16BE(18) === 0x0604
  if (!isEthernetIpv4 || frame.readUInt16BE(20) !== 1) return undefined
  return {
    senderMac: Buffer.from(frame.subarray(22, 28)),
    senderIp: frame.subarray(28, 32).join('.'),
    targetIp: frame.subarray(38, 42).join('.'),
  }
}

/** The answer that `ip` is at `mac`, to whoever asked. */
export function arpReply(request: ArpRequest, mac: Buffer): Buffer {
  return frame({
    destination: request.senderMac,
    operation: 2,
    sender: { mac, ip: request.targetIp },
    target: { mac: request.senderMac, ip: request.senderIp },
  })
}

/** Tells everybody that `ip` is at `mac` now. Both forms, as some systems heed only one (RFC 5227 section 3, RFC 5944 section 4.6). */
export function gratuitousArp(ip: string, mac: Buffer): readonly Buffer[] {
  const sender = { mac, ip }
  return [
    frame({ destination: broadcast, operation: 1, sender, target: { mac: Buffer.alloc(6), ip } }),
    frame({ destination: broadcast, operation: 2, sender, target: { mac: broadcast, ip } }),
  ]
}

type Party = { readonly mac: Buffer; readonly ip: string }

function frame(parts: {
  readonly destination: Buffer
  readonly operation: 1 | 2
  readonly sender: Party
  readonly target: Party
}): Buffer {
  const { destination, operation, sender, target } = parts
  const bytes = Buffer.alloc(frameBytes)
  destination.copy(bytes, 0)
  sender.mac.copy(bytes, 6)
  bytes.writeUInt16BE(etherTypeArp, 12)
  bytes.writeUInt32BE(0x0001_0800, 14)
  bytes.writeUInt16BE(0x0604, 18)
  bytes.writeUInt16BE(operation, 20)
  sender.mac.copy(bytes, 22)
  ipBytes(sender.ip).copy(bytes, 28)
  target.mac.copy(bytes, 32)
  ipBytes(target.ip).copy(bytes, 38)
  return bytes
}

function ipBytes(ip: string): Buffer {
  return Buffer.from(ip.split('.').map(Number))
}
