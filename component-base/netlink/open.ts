/** Opens netlink sockets where they are needed, so that a program that never does needs neither koffi nor glibc. */
import { NetlinkUnavailableError } from './message.ts'
import type { NetlinkProtocol, NetlinkSocket } from './socket.ts'

export type NetlinkOptions = {
  /** Another network namespace than this process's, by its name below `/run/netns`. */
  readonly namespace?: string
}

/** Opens a socket for `work` and closes it. Rejects with `NetlinkUnavailableError` where there is no koffi or no glibc. */
export async function withNetlink<T>(
  protocol: NetlinkProtocol,
  options: NetlinkOptions,
  work: (socket: NetlinkSocket) => T | Promise<T>,
): Promise<T> {
  const system = await import('./socket.ts').catch((cause: unknown) => {
    throw new NetlinkUnavailableError('calls into libc are not possible (koffi or glibc is missing)', { cause })
  })
  const socket = new system.NetlinkSocket(protocol, options)
  try {
    return await work(socket)
  } finally {
    socket.close()
  }
}
