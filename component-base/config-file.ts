import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

/** Reads a YAML or JSON file; the caller parses the value. Throws with the file's name. */
export async function readConfigFile(path: string): Promise<unknown> {
  try {
    return parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new Error(`read config file ${path}`, { cause: error })
  }
}
