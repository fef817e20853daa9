/** An answer other than success, with its text. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}
