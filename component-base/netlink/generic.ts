/** Generic netlink: families that have a name, and a number that differs from boot to boot (include/uapi/linux/genetlink.h). */
import { decodeAttributes, isRefusal, type NetlinkMessage, type NetlinkWriter, requireValue } from './message.ts'
import type { NetlinkSocket } from './socket.ts'

/** After the header that all messages have: command, version, two bytes of nothing. */
const headerBytes = 4
const controller = { family: 0x10, version: 1, getFamily: 3, familyId: 1, familyName: 2 } as const

/** A request to a family; `body` writes the attributes. */
export type GenericRequest = {
  readonly family: number
  readonly version: number
  readonly command: number
  readonly flags?: number
  readonly body: () => void
}

/** Writes a request. */
export function writeGeneric(writer: NetlinkWriter, { family, version, command, flags, body }: GenericRequest): void {
  writer.message(family, flags ?? 0, () => {
    writer.u8(command)
    writer.u8(version)
    writer.u16(0)
    body()
  })
}

/** The attributes of an answer. */
export function genericAttributes({ payload }: NetlinkMessage) {
  return decodeAttributes(payload.subarray(headerBytes))
}

/** Asks which number a family has. */
export function writeFamilyQuestion(writer: NetlinkWriter, name: string): void {
  const { family, version, getFamily, familyName } = controller
  const body = () => writer.attributeText(familyName, name)
  writeGeneric(writer, { family, version, command: getFamily, body })
}

/** The number that an answer tells. */
export function familyIn(answer: NetlinkMessage): number {
  return requireValue(genericAttributes(answer), controller.familyId, 2).readUInt16LE(0)
}

/** The number of a family; `undefined` where the kernel does not have it. Throws `NetlinkError` when it does not say. */
export function findFamily(socket: NetlinkSocket, name: string): number | undefined {
  try {
    const [answer] = socket.ask((writer) => writeFamilyQuestion(writer, name))
    return answer === undefined ? undefined : familyIn(answer)
  } catch (error) {
    if (isRefusal(error, 'ENOENT')) return undefined
    throw error
  }
}
