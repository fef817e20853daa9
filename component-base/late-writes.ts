/**
 * A socket whose other side has hung up refuses what is written to it, and Node then throws away what the kernel still holds of
 * what the other side said before. Programs that answer and exit while their input is still on its way would lose their answer.
 */
import type { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void

/** Makes writes that come too late harmless: they vanish, and reading goes on to the end. */
export function forgiveLateWrites(socket: Duplex): void {
  let hasHungUp = false
  const forgiving =
    (done: Done): Done =>
    (error) => {
      if (error === undefined || error === null || !isHangUp(error)) {
        done(error)
        return
      }
      hasHungUp = true
      done()
    }
  const write = socket._write.bind(socket)
  socket._write = (chunk: unknown, encoding, done) => {
    if (hasHungUp) done()
    else write(chunk, encoding, forgiving(done))
  }
  const writev = socket._writev?.bind(socket)
  if (writev === undefined) return
  socket._writev = (chunks, done) => {
    if (hasHungUp) done()
    else writev(chunks, forgiving(done))
  }
}

function isHangUp(error: Error): boolean {
  return 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET')
}
