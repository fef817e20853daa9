/** Speaks with the kernel's IPVS. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ExecError, run } from '../component-base/exec.ts'
import { findFamily } from '../component-base/netlink/generic.ts'
import { isRefusal } from '../component-base/netlink/message.ts'
import { type NetlinkOptions, withNetlink } from '../component-base/netlink/open.ts'
import type { NetlinkSocket } from '../component-base/netlink/socket.ts'
import {
  type ConnectionCount,
  type Connections,
  familyOf,
  type IpvsOperation,
  type IpvsRefusal,
  keyOf,
  type VirtualServer,
  type VirtualServers,
} from './ipvs.ts'
import {
  type IpvsTimeouts,
  ipvsFamilyName,
  operationWriter,
  realServerIn,
  serverIn,
  writeRealServersQuestion,
  writeServersQuestion,
  writeTimeouts,
} from './ipvs-message.ts'

/** What it holds. */
export type IpvsState = { readonly servers: VirtualServers; readonly connections: Connections }
export type Ipvs = {
  /** Loads the kernel's module; `false` when there is none. */
  readonly load: (signal: AbortSignal) => Promise<boolean>
  /** Does one after the other. One that is refused does not stop the others: the caller has to look at what comes back. */
  readonly apply: (operations: readonly IpvsOperation[], signal: AbortSignal) => Promise<readonly IpvsRefusal[]>
  /** All virtual servers, or those of some keys. A kernel without IPVS has none. */
  readonly list: (keys: 'all' | Iterable<string>, signal: AbortSignal) => Promise<IpvsState>
  readonly setTimeouts: (timeouts: IpvsTimeouts) => Promise<void>
}

/** Questions between which others have their turn. */
const turnEvery = 64

/** The kernel's IPVS in the network namespace of this process, or in the one that `namespace` names. */
export function createIpvs(options: NetlinkOptions = {}): Ipvs {
  const withSocket = async <T>(work: (socket: NetlinkSocket, family: number | undefined) => Promise<T>): Promise<T> =>
    await withNetlink('generic', options, async (socket) => await work(socket, findFamily(socket, ipvsFamilyName)))
  const isThere = async () => await withSocket(async (_, family) => family !== undefined)
  return {
    load: async (signal) => {
      if (await isThere()) return true
      await run('modprobe', ['ip_vs'], { signal }).catch((error: unknown) => {
        signal.throwIfAborted()
        // What counts is whether it is there now.
        if (!(error instanceof ExecError)) throw error
      })
      return await isThere()
    },
    apply: async (operations, signal) => {
      if (operations.length === 0) return []
      return await withSocket(async (socket, family) => {
        const refusals = await socket.sendAll(operations, operationWriter(orThrow(family)), signal)
        return refusals.map(({ item, code }) => ({ operation: item, code }))
      })
    },
    list: async (keys, signal) =>
      await withSocket(async (socket, family) =>
        family === undefined
          ? { servers: new Map(), connections: new Map() }
          : await list(socket, family, keys, signal),
      ),
    setTimeouts: async (timeouts) =>
      await withSocket(async (socket, family) => {
        socket.ask((writer) => writeTimeouts(writer, orThrow(family), timeouts))
      }),
  }
}

function orThrow(family: number | undefined): number {
  if (family === undefined) throw new Error('the kernel has no IPVS (module ip_vs)')
  return family
}

async function list(
  socket: NetlinkSocket,
  family: number,
  keys: 'all' | Iterable<string>,
  signal: AbortSignal,
): Promise<IpvsState> {
  const servers = new Map<string, VirtualServer>()
  const connections = new Map<string, ReadonlyMap<string, ConnectionCount>>()
  let asked = 0
  for (const server of keys === 'all' ? askServers(socket, family, undefined) : askEach(socket, family, keys)) {
    if (++asked % turnEvery === 0) await nextTurn()
    signal.throwIfAborted()
    const key = keyOf(server)
    const found = socket
      .ask((writer) => writeRealServersQuestion(writer, family, key))
      .map((answer) => realServerIn(answer, familyOf(server.address)))
    servers.set(key, { ...server, realServers: new Map(found.map(({ address, weight }) => [address, weight])) })
    connections.set(key, new Map(found.map((each) => [each.address, each.connections])))
  }
  return { servers, connections }
}

type FoundServer = Omit<VirtualServer, 'realServers'>

function* askEach(socket: NetlinkSocket, family: number, keys: Iterable<string>): Generator<FoundServer> {
  for (const key of keys) yield* askServers(socket, family, key)
}

function askServers(socket: NetlinkSocket, family: number, key: string | undefined): readonly FoundServer[] {
  try {
    return socket.ask((writer) => writeServersQuestion(writer, family, key)).flatMap((answer) => serverIn(answer) ?? [])
  } catch (error) {
    // There is no such server.
    if (key !== undefined && isRefusal(error, 'ESRCH')) return []
    throw error
  }
}
