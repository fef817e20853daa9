/**
 * Reads answers of HTTP/1.1 from a socket with as little work as possible, so that the generator is not what is measured:
 * only the status code and where the answer ends. Knows `Content-Length` and chunked bodies.
 */

type State = 'head' | 'body' | 'chunk-size' | 'chunk'

const headEnd = Buffer.from('\r\n\r\n')

export type AnswerReader = (data: Buffer) => void

/** Calls `onAnswer` with the status code and body of each answer; bodies are kept only when `keep` says so. */
export function createAnswerReader(
  onAnswer: (code: number, bytes: number, body: string) => void,
  keep = false,
): AnswerReader {
  let state: State = 'head'
  let rest: Buffer = Buffer.alloc(0)
  let code = 0
  let left = 0
  let bytes = 0
  let parts: Buffer[] = []

  const finish = (): void => {
    const body = keep ? Buffer.concat(parts).toString() : ''
    const size = bytes
    state = 'head'
    bytes = 0
    parts = []
    onAnswer(code, size, body)
  }
  /** Takes one piece off `data` at `at`; returns where the next begins, -1 when more must arrive. */
  const step = (data: Buffer, at: number): number => {
    if (state === 'head') return readHead(data, at)
    if (state === 'chunk-size') return readChunkSize(data, at)
    const taken = Math.min(left, data.length - at)
    const content = Math.min(taken, state === 'chunk' ? Math.max(0, left - 2) : left)
    bytes += content
    if (keep && content > 0) parts.push(data.subarray(at, at + content))
    left -= taken
    if (left === 0) {
      if (state === 'body') finish()
      else state = 'chunk-size'
    }
    return at + taken
  }
  const readHead = (data: Buffer, at: number): number => {
    const end = data.indexOf(headEnd, at)
    if (end === -1) return -1
    const head = data.toString('latin1', at, end).toLowerCase()
    code = Number(head.slice(9, 12))
    const length = head.indexOf('\r\ncontent-length:')
    if (length !== -1) {
      left = Number.parseInt(head.slice(length + 17), 10)
      state = 'body'
      if (left === 0) finish()
    } else if (head.includes('\r\ntransfer-encoding: chunked')) {
      state = 'chunk-size'
    } else {
      finish()
    }
    return end + 4
  }
  const readChunkSize = (data: Buffer, at: number): number => {
    const end = data.indexOf('\r\n', at)
    if (end === -1) return -1
    const size = Number.parseInt(data.toString('latin1', at, end), 16)
    if (size === 0) {
      if (data.length < end + 4) return -1
      finish()
      return end + 4
    }
    left = size + 2
    state = 'chunk'
    return end + 2
  }
  return (data) => {
    const all = rest.length === 0 ? data : Buffer.concat([rest, data])
    let at = 0
    while (at < all.length) {
      const next = step(all, at)
      if (next === -1) break
      at = next
    }
    rest = at < all.length ? Buffer.from(all.subarray(at)) : Buffer.alloc(0)
  }
}
