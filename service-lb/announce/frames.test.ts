import { expect, test } from 'vitest'
import { arpReply, gratuitousArp, parseArpRequest } from './arp.ts'
import { linksFor } from './interfaces.ts'
import { advertisement, parseSolicitation, solicitedNodeGroup, unsolicitedAdvertisement } from './ndp.ts'

const mac = Buffer.from('02aabbccddee', 'hex')
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** Captured from a Linux host: who has 172.31.240.200, tell 172.31.240.1. */
const request = hex('ffffffffffff 0242ac1ff001 0806 0001 0800 06 04 0001 0242ac1ff001 ac1ff001 000000000000 ac1ff0c8')

test('parseArpRequest() reads who asks for what', () => {
  expect(parseArpRequest(request)).toEqual({
    senderMac: hex('0242ac1ff001'),
    senderIp: '172.31.240.1',
    targetIp: '172.31.240.200',
  })
})

test('parseArpRequest() reads nothing from replies, short frames and other protocols', () => {
  const reply = Buffer.from(request).fill(2, 21, 22)
  const other = Buffer.from(request).fill(0xdd, 13, 14)
  const token = Buffer.from(request).fill(6, 15, 16)
  expect([reply, other, token, request.subarray(0, 41), Buffer.alloc(0)].map(parseArpRequest)).toEqual(
    Array.from({ length: 5 }, () => undefined),
  )
})

test('arpReply() goes to the asker and names our address', () => {
  const parsed = parseArpRequest(request)
  expect(parsed === undefined ? '' : arpReply(parsed, mac).toString('hex')).toBe(
    '0242ac1ff00102aabbccddee0806000108000604000202aabbccddeeac1ff0c80242ac1ff001ac1ff001',
  )
})

test('gratuitousArp() is a broadcast request and a broadcast reply', () => {
  expect(gratuitousArp('172.31.240.200', mac).map((frame) => frame.toString('hex'))).toEqual([
    'ffffffffffff02aabbccddee0806000108000604000102aabbccddeeac1ff0c8000000000000ac1ff0c8',
    'ffffffffffff02aabbccddee0806000108000604000202aabbccddeeac1ff0c8ffffffffffffac1ff0c8',
  ])
})

/** Built by hand after RFC 4861: fd00::1 asks for fd00::c8, with its link-layer address. */
const solicitation = hex(`3333ff0000c8 0242ac1ff001 86dd 60000000 0020 3a ff
  fd000000000000000000000000000001 ff0200000000000000000001ff0000c8
  8700 dfa8 00000000 fd0000000000000000000000000000c8 0101 0242ac1ff001`)

test('parseSolicitation() reads who asks for what', () => {
  expect(parseSolicitation(solicitation)).toEqual({
    sourceMac: hex('0242ac1ff001'),
    sourceIp: 'fd00::1',
    targetIp: 'fd00::c8',
  })
})

test('parseSolicitation() reads nothing from what a router forwarded, nor from damage', () => {
  const forwarded = Buffer.from(solicitation).fill(254, 21, 22)
  const damaged = Buffer.from(solicitation).fill(9, 77, 78)
  expect([forwarded, damaged, solicitation.subarray(0, 70)].map(parseSolicitation)).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

/** The sum of all 16-bit words of pseudo header and message is 0xffff. */
function hasGoodChecksum(frame: Buffer): boolean {
  const pseudo = Buffer.concat([frame.subarray(22, 54), hex('00000020 0000003a')])
  const bytes = Buffer.concat([pseudo, frame.subarray(54)])
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum === 0xffff
}

test('advertisement() answers the asker, solicited, with our link-layer address', () => {
  const parsed = parseSolicitation(solicitation)
  const frame = parsed === undefined ? Buffer.alloc(0) : advertisement(parsed, mac, 'fe80::1')
  expect(frame.subarray(0, 14).toString('hex')).toBe('0242ac1ff00102aabbccddee86dd')
  expect(frame.subarray(38, 54).toString('hex')).toBe('fd000000000000000000000000000001')
  expect(frame.subarray(58).toString('hex')).toBe('60000000fd0000000000000000000000000000c8020102aabbccddee')
  expect(hasGoodChecksum(frame)).toBe(true)
})

test('advertisement() answers a duplicate address check to all', () => {
  const frame = advertisement({ sourceMac: mac, sourceIp: '::', targetIp: 'fd00::c8' }, mac, 'fe80::1')
  expect(frame.subarray(0, 6).toString('hex')).toBe('333300000001')
  expect(frame.subarray(58, 62).toString('hex')).toBe('20000000')
  expect(hasGoodChecksum(frame)).toBe(true)
})

test('unsolicitedAdvertisement() overrides what neighbours know', () => {
  const frame = unsolicitedAdvertisement('fd00::c8', mac, 'fe80::1')
  expect(frame.subarray(38, 54).toString('hex')).toBe('ff020000000000000000000000000001')
  expect(frame.subarray(58, 62).toString('hex')).toBe('20000000')
  expect(hasGoodChecksum(frame)).toBe(true)
})

test('solicitedNodeGroup() keeps the last 24 bits', () => {
  expect(solicitedNodeGroup('2001:db8::1:2abc:def0')).toBe('ff02::1:ffbc:def0')
})

const info = {
  address: '192.0.2.5',
  netmask: '',
  mac: '02:00:00:00:00:01',
  internal: false,
  cidr: '192.0.2.5/24',
  family: 'IPv4',
} as const
const interfaces = { lo: [{ ...info, internal: true }], eth0: [info], eth1: [{ ...info, cidr: '198.51.100.1/24' }] }

test('linksFor() takes the interface whose subnet has the address, or those named', () => {
  const on = (address: string, ...named: readonly string[]) =>
    linksFor(address, interfaces, named).map(({ name }) => name)
  expect(on('192.0.2.77')).toEqual(['eth0'])
  expect(on('203.0.113.1')).toEqual([])
  expect(on('203.0.113.1', 'eth1')).toEqual(['eth1'])
})
