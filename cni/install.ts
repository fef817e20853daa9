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
 * it depends on no working folder.
 */
export function renderWrapper(name: string, { node, script, socket }: Target): string {
  const self = `${quote(node)} ${quote(script)} ${quote(name)}`
  return `#!/bin/sh
socket=${quote(socket)}
if [ -z "$CNI_COMMAND" ] || [ ! -S "$socket" ] || ! command -v socat >/dev/null; then exec ${self}; fi
input=$(cat)
reply=$(printf '%s\\n' ${quote(name)} "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_NETNS" "$CNI_IFNAME" "$CNI_ARGS" "$CNI_PATH" "$input" |
  socat -t 120 - "UNIX-CONNECT:$socket" 2>/dev/null)
case $reply in
0*|1*) printf '%s' "\${reply#?}"; exit "\${reply%"\${reply#?}"}" ;;
*) printf '%s' "$input" | exec ${self} ;;
esac
`
}

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
