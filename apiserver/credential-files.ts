/**
 * Certificates, keys and authorities that may be replaced while the server runs. What is not readable or incomplete at the
 * moment (a key that came before its certificate) leaves the old ones in use. Source: upstream's `dynamiccertificates`.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'

/** Files that belong together, under names of the reader's choice. */
export type FileSet = Readonly<Record<string, string>>
type Contents = Readonly<Record<string, string>>

/** Upstream is told by the kernel, and looks every minute besides; small files are cheap to read. */
const lookEveryMs = 2_000

/** The contents of some files, followed. */
export class CredentialFiles {
  readonly #files: FileSet
  #contents: Contents
  readonly #listeners: (() => void)[] = []

  private constructor(files: FileSet, contents: Contents) {
    this.#files = files
    this.#contents = contents
  }

  /** Reads the files; names with an empty path are left out. Rejects when one cannot be read. */
  static async read(files: FileSet): Promise<CredentialFiles> {
    const named = Object.fromEntries(Object.entries(files).filter(([, path]) => path !== ''))
    return new CredentialFiles(named, await readAll(named))
  }

  text(name: string): string | undefined {
    return this.#contents[name]
  }

  /** `make` of the present content, made again when that has changed. */
  derived<T>(name: string, make: (text: string) => T): () => T | undefined {
    let from: string | undefined
    let made: T | undefined
    return () => {
      const text = this.text(name)
      if (text !== from) {
        made = text === undefined ? undefined : make(text)
        from = text
      }
      return made
    }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Follows the files until `signal` aborts. */
  async run({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }, signal: AbortSignal): Promise<void> {
    let refused = ''
    for (;;) {
      await clock.sleep(lookEveryMs, signal)
      try {
        const contents = await readAll(this.#files)
        const changed = Object.keys(contents).filter((name) => contents[name] !== this.#contents[name])
        if (changed.length === 0) continue
        check(contents)
        this.#contents = contents
        refused = ''
        logger.info('Loaded changed certificates and keys', { changed })
        for (const listener of this.#listeners) listener()
      } catch (error) {
        const problem = String(error)
        if (problem !== refused) logger.error('Could not load changed certificates and keys', { error })
        refused = problem
      }
    }
  }
}

async function readAll(files: FileSet): Promise<Contents> {
  const entries = Object.entries(files).map(async ([name, path]) => [name, await readFile(path, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(entries))
}

/** Throws for a text that is no certificate or key, and for a pair `x.cert`, `x.key` that does not belong together. */
export function check(contents: Contents): void {
  for (const [name, text] of Object.entries(contents)) {
    if (name.endsWith('.key')) createPrivateKey(text)
    else if (!text.includes('-----BEGIN')) throw new Error(`${name} is no PEM file`)
    else if (name.endsWith('.cert')) {
      const key = contents[`${name.slice(0, -'.cert'.length)}.key`]
      if (key !== undefined && !new X509Certificate(text).checkPrivateKey(createPrivateKey(key))) {
        throw new Error(`${name} does not belong to its key`)
      }
    } else void new X509Certificate(text)
  }
}
