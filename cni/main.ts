/**
 * The plugins as one program. A runtime starts it as `flannel`, `bridge`, …:
 * through a wrapper that passes the name (see `install`), or through a link of that name.
 */
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { defaultSocket, install } from './install.ts'
import { answer, plugins } from './plugins.ts'
import { supportedVersions } from './protocol.ts'
import { serve } from './serve.ts'

const [, script = '', word = '', ...options] = process.argv
const name = Object.hasOwn(plugins, word) ? word : basename(script)
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())

if (word === 'install') {
  const [folder = '.', socket = defaultSocket] = options
  await install(folder, { node: process.execPath, script, socket })
} else if (word === 'serve') {
  await serve(options[0] ?? defaultSocket, stop.signal)
} else if (!Object.hasOwn(plugins, name)) {
  const names = Object.keys(plugins).join(' | ')
  process.stderr.write(`usage: cni install FOLDER [SOCKET] | cni serve [SOCKET] | cni (${names})\n`)
  process.exitCode = 2
} else if ((process.env['CNI_COMMAND'] ?? '') === '') {
  process.stderr.write(`CNI ${name} plugin\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`)
} else {
  const needsInput = process.env['CNI_COMMAND'] !== 'VERSION'
  const { output, exitCode } = await answer(name, process.env, needsInput ? await text(process.stdin) : '', stop.signal)
  if (output !== undefined) process.stdout.write(`${JSON.stringify(output)}\n`)
  process.exitCode = exitCode
}
