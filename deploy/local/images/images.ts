/** The images that every cluster has, made from this machine's busybox: no registry is asked. */
import { readFile } from 'node:fs/promises'
import { run } from '../../../component-base/exec.ts'
import type { Image } from './oci.ts'
import { pauseProgram } from './pause.ts'
import type { TarEntry } from './tar.ts'

export const pauseImage = 'kubets.local/pause:1'
export const shellImage = 'kubets.local/shell:1'
export const webImage = 'kubets.local/web:1'

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Answers any path with the pod's name, so that a test sees which pod answered. */
const hostnameScript = `#!/bin/sh
echo 'Content-Type: text/plain'
echo
hostname
`

/** pause, a shell with network tools (busybox), and a web server (busybox httpd on port 80). */
export async function clusterImages(
  busyboxFile: string,
  architecture: Image['architecture'],
): Promise<readonly Image[]> {
  const busybox = await readFile(busyboxFile)
  const applets = (await run(busyboxFile, ['--list'])).stdout
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox')
  const shellFiles: readonly TarEntry[] = [
    ...['bin', 'etc', 'root', 'usr', 'usr/bin', 'var'].map((name) => directory(name, 0o755)),
    directory('tmp', 0o1777),
    file('bin/busybox', 0o755, busybox),
    ...applets.map((name): TarEntry => ({ type: 'symlink', path: `bin/${name}`, target: 'busybox' })),
    { type: 'symlink', path: 'usr/bin/env', target: '../../bin/busybox' },
    file('etc/passwd', 0o644, Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n')),
    file('etc/group', 0o644, Buffer.from('root:x:0:\nnogroup:x:65534:\n')),
    // Without it busybox looks up host names in DNS alone.
    file('etc/nsswitch.conf', 0o644, Buffer.from('hosts: files dns\n')),
  ]
  const webFiles: readonly TarEntry[] = [
    ...shellFiles,
    directory('www', 0o755),
    directory('www/cgi-bin', 0o755),
    file('www/index.html', 0o644, Buffer.from('kubets web\n')),
    file('www/cgi-bin/hostname', 0o755, Buffer.from(hostnameScript)),
  ]
  return [
    {
      reference: pauseImage,
      architecture,
      files: [file('pause', 0o755, pauseProgram(architecture))],
      config: { Entrypoint: ['/pause'], Env: [path], User: '65535:65535', WorkingDir: '/' },
    },
    { reference: shellImage, architecture, files: shellFiles, config: { Cmd: ['sh'], Env: [path], WorkingDir: '/' } },
    {
      reference: webImage,
      architecture,
      files: webFiles,
      config: {
        Cmd: ['httpd', '-f', '-v', '-p', '80', '-h', '/www'],
        Env: [path],
        WorkingDir: '/www',
        ExposedPorts: { '80/tcp': {} },
      },
    },
  ]
}

function directory(name: string, mode: number): TarEntry {
  return { type: 'directory', path: `${name}/`, mode }
}

function file(name: string, mode: number, content: Uint8Array): TarEntry {
  return { type: 'file', path: name, mode, content }
}
