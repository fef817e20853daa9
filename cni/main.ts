/**
 * The plugins as one program. A runtime starts it as `flannel`, `bridge`, …:
 * through a wrapper that passes the name (see `install`), or through a link of that name.
 */
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { install } from './install.ts'
import { answer, plugins } from './plugins.ts'
import { supportedVersions } from './protocol.ts'

const [, script = '', word = '', option = ''] = process.argv
const name = Object.hasOwn(plugins, word) ? word : basename(script)

if (word === 'install') {
  await install(option, { node: process.execPath, script })
} else if (!Object.hasOwn(plugins, name)) {
  process.stderr.write(`usage: cni install FOLDER | cni (${Object.keys(plugins).join(' | ')})\n`)
  process.exitCode = 2
} else if (process.env['CNI_COMMAND'] === undefined && process.stdin.isTTY) {
  process.stderr.write(`CNI ${name} plugin\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`)
} else {
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort())
  const needsInput = process.env['CNI_COMMAND'] !== 'VERSION'
  const { output, exitCode } = await answer(name, process.env, needsInput ? await text(process.stdin) : '', stop.signal)
  if (output !== undefined) process.stdout.write(`${JSON.stringify(output)}\n`)
  process.exitCode = exitCode
}
