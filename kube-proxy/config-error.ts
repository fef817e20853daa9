/** A configuration that cannot be used; lists everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
