/** The programs of the machine that a cluster needs, and the Debian packages that bring them. */
import { access, constants, rm, writeFile } from 'node:fs/promises'
import { delimiter } from 'node:path'
import { ExecError, run } from '../../component-base/exec.ts'

type Requirement = { readonly program: string; readonly debianPackage: string }

export const nodeRequirements: readonly Requirement[] = [
  { program: 'containerd', debianPackage: 'containerd' },
  { program: 'ctr', debianPackage: 'containerd' },
  { program: 'runc', debianPackage: 'runc' },
  { program: 'iptables-restore', debianPackage: 'iptables' },
  { program: 'conntrack', debianPackage: 'conntrack' },
  { program: 'ip', debianPackage: 'iproute2' },
  { program: 'busybox', debianPackage: 'busybox-static' },
  { program: 'nsenter', debianPackage: 'util-linux' },
  { program: 'nft', debianPackage: 'nftables' },
  { program: 'ipset', debianPackage: 'ipset' },
  { program: 'socat', debianPackage: 'socat' },
]
export const controlPlaneRequirements: readonly Requirement[] = [
  { program: 'etcd', debianPackage: 'etcd-server' },
  { program: 'ip', debianPackage: 'iproute2' },
]
/** What `--backend=wireguard` needs. */
export const wireguardRequirements: readonly Requirement[] = [{ program: 'wg', debianPackage: 'wireguard-tools' }]
/** What only the tests use. */
export const testRequirements: readonly Requirement[] = [
  { program: 'kubectl', debianPackage: 'kubernetes-client' },
  { program: 'ipvsadm', debianPackage: 'ipvsadm' },
  { program: 'dig', debianPackage: 'bind9-dnsutils' },
]

/** What some tests use, and are skipped without: a machine to try kernels that this one is not (test/qemu). */
export const optionalTestRequirements: readonly Requirement[] = [
  { program: 'qemu-system-x86_64', debianPackage: 'qemu-system-x86' },
  { program: 'wg', debianPackage: 'wireguard-tools' },
]

/** Names the requirements whose program is not on `path`. */
export async function missing(requirements: readonly Requirement[], path: string): Promise<readonly Requirement[]> {
  const absent = await Promise.all(
    requirements.map(async (requirement) => ((await isOnPath(requirement.program, path)) ? [] : [requirement])),
  )
  return absent.flat()
}

async function isOnPath(program: string, path: string): Promise<boolean> {
  const found = await Promise.all(
    path.split(delimiter).map(
      async (folder) =>
        await access(`${folder}/${program}`, constants.X_OK).then(
          () => true,
          () => false,
        ),
    ),
  )
  return found.includes(true)
}

const policyFile = '/usr/sbin/policy-rc.d'
const installLimitMs = 10 * 60_000

/** Installs the packages with apt, without starting the services that come with them. */
export async function installPackages(
  requirements: readonly Requirement[],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const names = [...new Set(requirements.map(({ program, debianPackage }) => `${program} (package ${debianPackage})`))]
  if (!(await isOnPath('apt-get', path))) {
    throw new Error(`these programs are missing and there is no apt to install them: ${names.join(', ')}`)
  }
  const packages = [...new Set(requirements.map(({ debianPackage }) => debianPackage))]
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const install = async (): Promise<unknown> =>
    await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
      env,
      timeoutMs: installLimitMs,
      signal,
    })
  const ownPolicy = await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755, flag: 'wx' }).then(
    () => true,
    () => false,
  )
  try {
    await install().catch(async (error: unknown) => {
      if (!(error instanceof ExecError)) throw error
      await run('apt-get', ['update'], { env, timeoutMs: installLimitMs, signal })
      await install()
    })
  } finally {
    if (ownPolicy) await rm(policyFile, { force: true })
  }
}
