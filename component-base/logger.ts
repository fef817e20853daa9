import pino from 'pino'

export type LogLevel = 'debug' | 'info' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/**
 * Structured log. Messages are constant, start with a capital and have no full stop; what varies is a field.
 * `error`: an admin must act; `info`: state changed; `debug`: the rest.
 */
export type Logger = {
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  readonly child: (fields: LogFields) => Logger
}

export type LoggerOptions = { readonly name: string; readonly level?: LogLevel; readonly destination?: number | string }

/** Lines of JSON on standard error (or `destination`), with an ISO time. */
export function createLogger({ name, level = 'info', destination = 2 }: LoggerOptions): Logger {
  const stream = pino.destination({ dest: destination, sync: true })
  const root = pino(
    {
      base: { component: name },
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError, error: serializeError },
    },
    stream,
  )
  return wrap(root)
}

/** Swallows everything; for tests. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  error: () => {},
  child: () => silentLogger,
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    error: (message, fields) => log.error(fields ?? {}, message),
    child: (fields) => wrap(log.child(fields)),
  }
}

/** Message and causes on one line; the stack of the outermost error only. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const chain: string[] = []
  for (let current: unknown = error; current instanceof Error && chain.length < 8; current = current.cause) {
    chain.push(current.message)
  }
  return { message: chain.join(': '), stack: error.stack }
}
