/**
 * Calls into libc, by way of koffi, for what Node has no door to. Importing this file fails where there is no koffi or no
 * glibc. Each user declares the functions that it needs.
 */
import koffi from 'koffi'

const library = koffi.load('libc.so.6')

export type LibcCall<Arguments extends readonly unknown[]> = (...args: Arguments) => number

/** Binds one function of libc; the shape is ours to state, koffi checks it against the C declaration at run time. */
export function bindLibc<Arguments extends readonly unknown[]>(declaration: string): LibcCall<Arguments> {
  return library.func(declaration) as unknown as LibcCall<Arguments>
}

/** The same for a function that may wait: it runs in libuv's thread pool, and what it returns is the answer. */
export function bindLibcAsync<Arguments extends readonly unknown[]>(
  declaration: string,
): (...args: Arguments) => Promise<number> {
  const bound = library.func(declaration)
  return (...args) =>
    new Promise((resolve, reject) => {
      bound.async(...args, (error: Error | null, result: number) => {
        if (error === null) resolve(result)
        else reject(error)
      })
    })
}

/** The error number of this thread's last call. */
export function lastErrno(): number {
  return koffi.errno()
}

/** `EADDRINUSE` for 98. */
export function errnoName(number: number): string {
  const known = Object.entries(koffi.os.errno).find(([, value]) => value === number)
  return known === undefined ? `error ${number}` : known[0]
}

/** The address of a buffer's first byte. Whoever uses it keeps the buffer alive. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer)
}

/** A call of libc that failed. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly errno: number

  constructor(call: string, number = lastErrno()) {
    super(`${call}: ${errnoName(number)}`)
    this.errno = number
  }
}
