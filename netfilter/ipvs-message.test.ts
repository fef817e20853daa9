import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeGeneric } from '../component-base/netlink/generic.ts'
import { decodeMessages, NetlinkFormatError, NetlinkWriter } from '../component-base/netlink/message.ts'
import { type IpvsOperation, joinAddress, keyOf, type VirtualServer } from './ipvs.ts'
import {
  operationWriter,
  realServerIn,
  serverIn,
  writeRealServersQuestion,
  writeServersQuestion,
  writeTimeouts,
} from './ipvs-message.ts'

/** As the headers of the kernel lay it out. */
const bytes = (...hex: readonly string[]) => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex')
const written = (write: (writer: NetlinkWriter) => void) => {
  const writer = new NetlinkWriter(4_096)
  write(writer)
  return writer.finish()
}
const operate = (operation: IpvsOperation) => written((writer) => operationWriter(28)(writer, operation))
const messageIn = (datagram: Buffer) => {
  const [message] = decodeMessages(datagram)
  if (message === undefined) throw new TypeError('no message')
  return message
}
const make = (address: string, more: Partial<VirtualServer> = {}): VirtualServer => ({
  ...{ protocol: 'tcp', address, scheduler: 'rr', schedulerFlags: '', persistentSeconds: 0, realServers: new Map() },
  ...more,
})
const key = 'tcp 10.96.0.1:80'
const key6 = 'sctp [fd00::1]:443'
/** What tells the two apart: family, protocol, address, port. */
const named = ['06000100 0200 0000', '06000200 0600 0000', `14000300 0a600001${'00'.repeat(12)}`, '06000400 0050 0000']
const named6 = [
  ...['06000100 0a00 0000', '06000200 8400 0000'],
  ...['14000300 fd000000000000000000000000000001', '06000400 01bb 0000'],
]

test.each<[what: string, operation: IpvsOperation, wanted: Buffer]>([
  [
    'IPVS_CMD_NEW_SERVICE, persistent',
    { type: 'addServer', key, server: make('10.96.0.1:80', { persistentSeconds: 10_800 }) },
    bytes(
      '68000000 1c00 0500 01000000 00000000', // 104 bytes, family 28, REQUEST | ACK
      '01 01 0000', // the command, version 1
      '5400 0100', // IPVS_CMD_ATTR_SERVICE
      ...named,
      '0700 0600 727200 00', // SCHED_NAME "rr"
      '0c00 0700 01000000 ffffffff', // FLAGS: PERSISTENT, all of them
      '0800 0800 302a0000', // TIMEOUT 10,800 s
      '0800 0900 ffffffff', // NETMASK of one address
    ),
  ],
  [
    'IPVS_CMD_SET_SERVICE for IPv6, with flags of the scheduler',
    {
      type: 'setServer',
      key: key6,
      server: make('[fd00::1]:443', { protocol: 'sctp', scheduler: 'mh', schedulerFlags: 'mh-fallback,mh-port' }),
    },
    bytes(
      '68000000 1c00 0500 01000000 00000000',
      '02 01 0000',
      '5400 0100',
      ...named6,
      '0700 0600 6d6800 00', // "mh"
      '0c00 0700 18000000 ffffffff', // SCHED1 | SCHED2
      '0800 0800 00000000',
      '0800 0900 80000000', // a prefix length for IPv6
    ),
  ],
  [
    'IPVS_CMD_DEL_SERVICE',
    { type: 'deleteServer', key },
    bytes('44000000 1c00 0500 01000000 00000000', '03 01 0000', '3000 0100', ...named),
  ],
  [
    'IPVS_CMD_NEW_DEST, masqueraded',
    { type: 'addRealServer', key, address: '10.244.1.5:8080', weight: 1 },
    bytes(
      '8c000000 1c00 0500 01000000 00000000', // 140 bytes
      '05 01 0000',
      '3000 0100',
      ...named,
      '4800 0200', // IPVS_CMD_ATTR_DEST
      `1400 0100 0af40105${'00'.repeat(12)}`, // ADDR
      '0600 0200 1f90 0000', // PORT
      '0800 0300 00000000', // FWD_METHOD: IP_VS_CONN_F_MASQ
      '0800 0400 01000000', // WEIGHT
      '0800 0500 00000000', // U_THRESH
      '0800 0600 00000000', // L_THRESH
      '0600 0b00 0200 0000', // ADDR_FAMILY
    ),
  ],
  [
    'IPVS_CMD_SET_DEST for IPv6, of weight 0',
    { type: 'setRealServer', key: key6, address: '[fd00:1::5]:8443', weight: 0 },
    bytes(
      '8c000000 1c00 0500 01000000 00000000',
      '06 01 0000',
      '3000 0100',
      ...named6,
      '4800 0200',
      '1400 0100 fd000001000000000000000000000005',
      '0600 0200 20fb 0000',
      '0800 0300 00000000',
      '0800 0400 00000000',
      '0800 0500 00000000',
      '0800 0600 00000000',
      '0600 0b00 0a00 0000',
    ),
  ],
  [
    'IPVS_CMD_DEL_DEST',
    { type: 'deleteRealServer', key, address: '10.244.1.5:8080' },
    bytes(
      '64000000 1c00 0500 01000000 00000000',
      '07 01 0000',
      '3000 0100',
      ...named,
      '2000 0200',
      `1400 0100 0af40105${'00'.repeat(12)}`,
      '0600 0200 1f90 0000',
    ),
  ],
])('operationWriter() writes %s', (_, operation, wanted) => {
  expect(operate(operation)).toEqual(wanted)
})

test('operationWriter() names each virtual server anew', () => {
  const operations: readonly IpvsOperation[] = [
    { type: 'deleteServer', key },
    { type: 'deleteServer', key: key6 },
    { type: 'deleteServer', key },
  ]
  const write = operationWriter(28)
  const both = decodeMessages(written((writer) => operations.forEach((operation) => void write(writer, operation))))
  expect(both.map(({ payload }) => payload)).toEqual(operations.map((each) => messageIn(operate(each)).payload))
})

test('questions for lists, and for one virtual server', () => {
  expect(written((writer) => writeServersQuestion(writer, 28, undefined))).toEqual(
    bytes('14000000 1c00 0503 01000000 00000000', '04 01 0000'),
  )
  expect(written((writer) => writeServersQuestion(writer, 28, key))).toEqual(
    bytes('44000000 1c00 0500 01000000 00000000', '04 01 0000', '3000 0100', ...named),
  )
  expect(written((writer) => writeRealServersQuestion(writer, 28, key))).toEqual(
    bytes('44000000 1c00 0503 01000000 00000000', '08 01 0000', '3000 0100', ...named),
  )
})

test('writeTimeouts() leaves out what is to stay as it is', () => {
  expect(written((writer) => writeTimeouts(writer, 28, { tcp: 900, tcpFin: 0, udp: 300 }))).toEqual(
    bytes('24000000 1c00 0500 01000000 00000000', '0c 01 0000', '0800 0400 84030000', '0800 0600 2c010000'),
  )
})

const statistics = '0c00 0a00 0800 0100 05000000' // STATS, which nobody reads here

test('serverIn() reads what the kernel tells of a virtual server', () => {
  const answer = bytes(
    '74000000 1c00 0200 01000000 00000000',
    '01 01 0000',
    '6000 0100',
    ...named,
    '0700 0600 736800 00', // "sh"
    '0c00 0700 13000000 ffffffff', // PERSISTENT | HASHED | SCHED2
    '0800 0800 0a000000',
    '0800 0900 ffffffff',
    statistics,
  )
  expect(serverIn(messageIn(answer))).toEqual({
    ...{ protocol: 'tcp', address: '10.96.0.1:80', scheduler: 'sh', schedulerFlags: 'sh-port', persistentSeconds: 10 },
  })
})

test('serverIn() leaves virtual servers by firewall mark alone', () => {
  const answer = bytes(
    '28000000 1c00 0200 01000000 00000000',
    '01 01 0000',
    '1400 0100',
    '06000100 0200 0000',
    '0800 0500 07000000',
  )
  expect(serverIn(messageIn(answer))).toBeUndefined()
})

test('realServerIn() reads weight and connections', () => {
  const answer = bytes(
    '60000000 1c00 0200 01000000 00000000',
    '05 01 0000',
    '4c00 0200',
    '1400 0100 fd000001000000000000000000000005',
    '0600 0200 20fb 0000',
    '0800 0300 01000000', // a local one
    '0800 0400 03000000',
    '0800 0700 02000000',
    '0800 0800 09000000',
    statistics,
  )
  expect(realServerIn(messageIn(answer), 'ip6')).toEqual({
    ...{ address: '[fd00:1::5]:8443', weight: 3, connections: { active: 2, inactive: 9 } },
  })
})

const port = fc.integer({ min: 1, max: 65_535 })
/** Addresses as this program writes them: what other spellings become is told by the tests of `ip-address.ts`. */
const ip = fc.oneof(fc.ipV4(), fc.constantFrom('fd00::1', 'fd00:1:2:3:4:5:6:7', '2001:db8::', '::1'))
const flagsOf = {
  rr: ['', 'one-packet', 'flag-1', 'flag-2,flag-3'],
  sh: ['', 'sh-port', 'sh-fallback,sh-port'],
  mh: ['mh-port'],
}

/** Random cases take long where others are busy. */
const patient = { timeout: 60_000 }

test('serverIn() reads back what operationWriter() wrote', patient, () => {
  const scheduler = fc
    .constantFrom('rr' as const, 'sh' as const, 'mh' as const)
    .chain((name) => fc.record({ scheduler: fc.constant(name), schedulerFlags: fc.constantFrom(...flagsOf[name]) }))
  const server = fc
    .tuple(fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), ip, port, scheduler, fc.nat(86_400))
    .map(([protocol, at, number, more, persistentSeconds]) =>
      make(joinAddress(at, number), { protocol, ...more, persistentSeconds }),
    )
  fc.assert(
    fc.property(server, fc.constantFrom('addServer' as const, 'setServer' as const), (wanted, type) => {
      const { realServers: _, ...rest } = wanted
      expect(serverIn(messageIn(operate({ type, key: keyOf(wanted), server: wanted })))).toEqual(rest)
    }),
  )
})

test('serverIn() and realServerIn() end for any bytes, with a value or a NetlinkFormatError', patient, () => {
  const body = fc.uint8Array({ maxLength: 120 })
  fc.assert(
    fc.property(fc.constantFrom(1, 2), body, (type, any) => {
      const answer = written((writer) =>
        writeGeneric(writer, { family: 28, version: 1, command: 1, body: () => writer.attribute(type, any) }),
      )
      for (const read of [serverIn, (message: Parameters<typeof serverIn>[0]) => realServerIn(message, 'ip')]) {
        try {
          read(messageIn(answer))
        } catch (error) {
          expect(error).toBeInstanceOf(NetlinkFormatError)
        }
      }
    }),
  )
})

test('operationWriter() refuses what is no address and no flag', () => {
  expect(() => operate({ type: 'deleteServer', key: 'tcp localhost:80' })).toThrow('not an address')
  const server = make('10.96.0.1:80', { schedulerFlags: 'fast' })
  expect(() => operate({ type: 'addServer', key, server })).toThrow('no flag of a scheduler: fast')
})
