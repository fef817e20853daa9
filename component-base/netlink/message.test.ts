import fc from 'fast-check'
import { expect, test } from 'vitest'
import { familyIn, writeFamilyQuestion } from './generic.ts'
import {
  decodeAttributes,
  decodeMessages,
  errorOf,
  isRefusal,
  NetlinkError,
  NetlinkFormatError,
  NetlinkWriter,
  requireValue,
  textOf,
} from './message.ts'
import { addressIn, linkIndexIn, writeAddress, writeAddressQuestion, writeNewLink } from './route.ts'

/** What is written of `hex`, so that fixtures can be laid out as the headers of the kernel are. */
const bytes = (...hex: readonly string[]) => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex')
const written = (write: (writer: NetlinkWriter) => void) => {
  const writer = new NetlinkWriter(4_096)
  write(writer)
  return writer.finish()
}
const one = (datagram: Buffer) => {
  const [message] = decodeMessages(datagram)
  if (message === undefined) throw new TypeError('no message')
  return message
}

test('writeFamilyQuestion() writes CTRL_CMD_GETFAMILY', () => {
  expect(written((writer) => writeFamilyQuestion(writer, 'IPVS'))).toEqual(
    bytes(
      '20000000 1000 0500 01000000 00000000', // 32 bytes, GENL_ID_CTRL, REQUEST | ACK, sequence 1
      '03 01 0000', // CTRL_CMD_GETFAMILY, version 1
      '0900 0200 49505653 00 000000', // CTRL_ATTR_FAMILY_NAME, "IPVS" and its zero, padded
    ),
  )
})

test('familyIn() reads CTRL_CMD_NEWFAMILY', () => {
  const answer = bytes(
    '28000000 1000 0000 01000000 00000000',
    '01 02 0000',
    '0900 0200 49505653 00 000000',
    '0600 0100 1c00 0000', // CTRL_ATTR_FAMILY_ID 28
  )
  expect(familyIn(one(answer))).toBe(28)
})

test('writeNewLink() writes RTM_NEWLINK with the kind of the device', () => {
  expect(written((writer) => writeNewLink(writer, 'kube-ipvs0', 'dummy'))).toEqual(
    bytes(
      '40000000 1000 0506 01000000 00000000', // 64 bytes, RTM_NEWLINK, REQUEST | ACK | EXCL | CREATE
      '00000000 00000000 00000000 00000000', // struct ifinfomsg
      '0f00 0300 6b7562652d6970767330 00 00', // IFLA_IFNAME
      '1000 1200', // IFLA_LINKINFO
      '0a00 0100 64756d6d79 00 0000', // IFLA_INFO_KIND "dummy", padded
    ),
  )
})

test.each([
  [
    'RTM_NEWADDR for IPv4',
    { type: 'add', index: 7, ip: '10.96.0.1' } as const,
    bytes(
      '28000000 1400 0505 01000000 00000000', // REQUEST | ACK | REPLACE | CREATE
      '02 20 00 00 07000000', // struct ifaddrmsg: AF_INET, /32, device 7
      '0800 0200 0a600001', // IFA_LOCAL
      '0800 0100 0a600001', // IFA_ADDRESS
    ),
  ],
  [
    'RTM_NEWADDR for IPv6, without looking for duplicates',
    { type: 'add', index: 7, ip: 'fd00::1' } as const,
    bytes(
      '48000000 1400 0505 01000000 00000000',
      '0a 80 00 00 07000000',
      '1400 0200 fd000000000000000000000000000001',
      '1400 0100 fd000000000000000000000000000001',
      '0800 0800 02000000', // IFA_FLAGS: IFA_F_NODAD
    ),
  ],
  [
    'RTM_DELADDR',
    { type: 'delete', index: 7, ip: '10.96.0.1' } as const,
    bytes('28000000 1500 0500 01000000 00000000', '02 20 00 00 07000000', '0800 0200 0a600001', '0800 0100 0a600001'),
  ],
])('writeAddress() writes %s', (_, change, wanted) => {
  expect(written((writer) => writeAddress(writer, change))).toEqual(wanted)
})

test('writeAddressQuestion() asks for a list', () => {
  expect(written((writer) => writeAddressQuestion(writer, 'ip6'))).toEqual(
    bytes('18000000 1600 0503 01000000 00000000', '0a 00 00 00 00000000'),
  )
})

test('addressIn() reads what writeAddress() wrote', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (ip, index) => {
      const message = one(written((writer) => writeAddress(writer, { type: 'add', index, ip })))
      expect(addressIn(message)).toEqual({ index, ip, isLinkLocal: false })
    }),
  )
  const linkLocal = bytes('2c000000 1400 0200 01000000 00000000', '0a 40 80 fd 03000000')
  const address = bytes('1400 0100 fe800000000000000000000000000001')
  expect(addressIn(one(Buffer.concat([linkLocal, address])))).toEqual({ index: 3, ip: 'fe80::1', isLinkLocal: true })
})

test('linkIndexIn() reads the index, and refuses what is not about a device', () => {
  const answer = bytes('20000000 1000 0000 01000000 00000000', '0000 0100 2a000000 00000000 00000000')
  expect(linkIndexIn(one(answer))).toBe(42)
  expect(() => linkIndexIn(one(written((writer) => writeAddressQuestion(writer, 'ip'))))).toThrow(NetlinkFormatError)
})

test('errorOf() tells the number of the error, and 0 for an acknowledgement', () => {
  const answer = (number: string) => one(bytes('24000000 0200 0000 05000000 00000000', number, '00'.repeat(16)))
  expect(errorOf(answer('efffffff'))).toBe(17)
  expect(errorOf(answer('00000000'))).toBe(0)
  expect(isRefusal(new NetlinkError('EEXIST'), 'EEXIST')).toBe(true)
  expect(isRefusal(new NetlinkError('ENOENT'), 'EEXIST')).toBe(false)
})

const textsOf = (attributes: Iterable<readonly [number, Uint8Array]>) =>
  [...attributes].map(([type, value]) => `${type} ${Buffer.from(value).toString('hex')}`)
/** Comparing bytes takes long where others are busy. */
const patient = { timeout: 60_000 }

test('decodeMessages() and decodeAttributes() read what NetlinkWriter wrote', patient, () => {
  const attribute = fc.tuple(fc.integer({ min: 1, max: 0x3fff }), fc.uint8Array({ maxLength: 40 }))
  const message = fc.record({
    type: fc.integer({ min: 16, max: 0xffff }),
    attributes: fc.uniqueArray(attribute, { selector: ([type]) => type, maxLength: 8 }),
  })
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (wanted) => {
      const datagram = written((writer) => {
        for (const { type, attributes } of wanted) {
          writer.message(type, 0, () => {
            for (const [each, value] of attributes) writer.attribute(each, value)
          })
        }
      })
      const found = decodeMessages(datagram)
      expect(found.map(({ sequence }) => sequence)).toEqual(wanted.map((_, index) => index + 1))
      const read = found.map(({ type, payload }) => [type, ...textsOf(decodeAttributes(payload))])
      expect(read).toEqual(wanted.map(({ type, attributes }) => [type, ...textsOf(attributes)]))
    }),
  )
})

test('NetlinkWriter writes each kind of value in its order, and starts anew when cleared', () => {
  const writer = new NetlinkWriter(256)
  const write = () =>
    writer.message(16, 0, () => {
      writer.attributeU16(1, 0x1234)
      writer.attributePort(2, 0x1234)
      writer.attributeU32(3, 0x12345678)
      writer.attributeText(4, 'rr')
      writer.attribute(5, Buffer.from([1]), 4)
      writer.nest(6, () => writer.attributeU16(1, 2))
    })
  write()
  writer.clear()
  write()
  const attributes = decodeAttributes(one(writer.finish()).payload)
  expect(requireValue(attributes, 1, 2)).toEqual(bytes('3412'))
  expect(requireValue(attributes, 2, 2)).toEqual(bytes('1234'))
  expect(requireValue(attributes, 3, 4)).toEqual(bytes('78563412'))
  expect(textOf(requireValue(attributes, 4, 1))).toBe('rr')
  expect(requireValue(attributes, 5, 4)).toEqual(bytes('01000000'))
  expect(requireValue(decodeAttributes(requireValue(attributes, 6, 4)), 1, 2)).toEqual(bytes('0200'))
  expect(() => requireValue(attributes, 1, 4)).toThrow(NetlinkFormatError)
  expect(() => requireValue(attributes, 9, 0)).toThrow(NetlinkFormatError)
})

test('NetlinkWriter does not write past its room', () => {
  const writer = new NetlinkWriter(64)
  expect(() => writer.message(16, 0, () => writer.attribute(1, Buffer.alloc(64)))).toThrow(RangeError)
})

test(
  'decodeMessages() and decodeAttributes() end for any bytes, with messages or a NetlinkFormatError',
  patient,
  () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (any) => {
        for (const decode of [decodeMessages, decodeAttributes]) {
          try {
            decode(Buffer.from(any))
          } catch (error) {
            expect(error).toBeInstanceOf(NetlinkFormatError)
          }
        }
      }),
    )
  },
)
