/** Writes one small program per plugin into a folder, where a container runtime looks for them. */
import { mkdir } from 'node:fs/promises'
import { replaceFile } from '../component-base/replace-file.ts'
import { plugins } from './plugins.ts'

/** What the wrappers start: this Node and this bundle; and where `cni serve` may listen. */
export type Target = { readonly node: string; readonly script: string; readonly socket: string }

/** Where `cni serve` listens unless told otherwise. */
export const defaultSocket = '/run/kubets-cni.sock'

/**
 * The wrapper of one plugin. It hands the call to `cni serve` where that runs, which
 * saves the start of Node, and does it itself otherwise. All paths are absolute, so
 * it depends on no working folder. Each process that it starts costs milliseconds of
 * every pod's start: it reads and writes by itself, and starts `socat` alone.
 */
export function renderWrapper(name: string, { node, script, socket }: Target): string {
  const self = `${quote(node)} ${quote(script)} ${quote(name)}`
  return `#!/bin/sh
socket=${quote(socket)}
if [ -z "$CNI_COMMAND" ] || [ ! -S "$socket" ] || ! command -v socat >/dev/null; then exec ${self}; fi
input=
while IFS= read -r line || [ -n "$line" ]; do input="$input$line
"; done
${name === 'bandwidth' ? unlimited : ''}reply=$(exec socat -t 120 - "UNIX-CONNECT:$socket" 2>/dev/null <<CALL
${name}
$CNI_COMMAND
$CNI_CONTAINERID
$CNI_NETNS
$CNI_IFNAME
$CNI_ARGS
$CNI_PATH
$input
CALL
)
case $reply in
0*|1*) printf '%s' "\${reply#?}"; exit "\${reply%"\${reply#?}"}" ;;
*) printf '%s' "$input" | exec ${self} ;;
esac
`
}

/**
 * ADD of a container without limits, which nearly all are: the answer is the result of the plugins before. libcni writes
 * keys in their order and without white space, so that this text and no other means it; whatever differs is read by the plugin.
 */
const unlimited = `head=\${input%%\\"prevResult\\":*}
rest=\${input#*\\"prevResult\\":}
case "$CNI_COMMAND $head" in
'ADD {"capabilities":{"bandwidth":true},"cniVersion":"'*'","name":"'*'",')
  case "$head$rest" in
  *'Rate"'*|*'Burst"'*|*'"runtimeConfig"'*) ;;
  *'"dns":{}},"type":"bandwidth"}
') printf '%s' "\${rest%,\\"type\\":\\"bandwidth\\"*}"; exit 0 ;;
  esac ;;
esac
`

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** Writes all wrappers; a runtime that starts one meanwhile sees the old or the new one, never half of it. */
export async function install(folder: string, target: Target): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of Object.keys(plugins)) {
    await replaceFile(`${folder}/${name}`, renderWrapper(name, target), 0o755)
  }
}
