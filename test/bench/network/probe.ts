/** Knocks at an address every few milliseconds with a connection of its own and says when it first opened, or first stayed shut. */
import { connect, createServer } from 'node:net'

/** A knock every so often. */
const periodMs = 2
/** A packet that is dropped is not answered; on this machine every other one is within this time. */
const patienceMs = 250

/** The wall clock with fractions of a millisecond, the same in every process of the machine. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now()
}

/** Resolves with the time at which the address answered first. */
export async function untilOpen(address: string, port: number): Promise<number> {
  return await new Promise((resolve) => {
    const timer = setInterval(() => {
      void knock(address, port).then((isOpen) => {
        if (!isOpen) return
        clearInterval(timer)
        resolve(wallMs())
      })
    }, periodMs)
  })
}

/** Resolves with the time of the first knock that was not answered. */
export async function untilShut(address: string, port: number): Promise<number> {
  return await new Promise((resolve) => {
    let first = Number.POSITIVE_INFINITY
    const timer = setInterval(() => {
      const atMs = wallMs()
      void knock(address, port).then((isOpen) => {
        if (isOpen) return
        first = Math.min(first, atMs)
        clearInterval(timer)
        // Knocks before this one may still wait for their answers.
        setTimeout(() => resolve(first), patienceMs)
      })
    }, periodMs)
  })
}

/** One connection; an error or silence is no answer. */
async function knock(address: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.setTimeout(patienceMs, () => end(false))
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

/** Takes connections on a port until the process ends. */
export async function listenForever(port: number): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end()
  })
  await new Promise<void>((resolve) => server.listen(port, '0.0.0.0', resolve))
}
