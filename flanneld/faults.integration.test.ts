/** Networks of two families on two hosts, and what goes wrong with them. One test after the other on one pair of hosts. */
import type { ChildProcess } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { Testbed, until } from './testbed.ts'

const leases = '/coreos.com/network/subnets/'
const networks = { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:244::/48' }

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

let bed: Testbed
let etcd: ChildProcess
const daemons: ChildProcess[] = []

beforeAll(async () => {
  bed = await Testbed.open()
  etcd = await bed.startEtcd({ ...networks, Backend: { Type: 'vxlan' } })
  await startBoth('--healthz-port=18471')
  await Promise.all([bed.addPod(1), bed.addPod(2)])
})
afterAll(async () => {
  await bed.close()
})

async function startBoth(...flags: readonly string[]): Promise<void> {
  const started = await Promise.all([1, 2].map(async (index) => await bed.startFlanneld(index, ...flags)))
  daemons.splice(0, 2, ...started)
}

async function stopBoth(signal: NodeJS.Signals): Promise<void> {
  await Promise.all(daemons.map(async (child) => await bed.stop(child, signal)))
  await Promise.all([1, 2].map(async (index) => await rm(bed.subnetFile(index), { force: true })))
}

/** The other backend on the same hosts; subnets stay, because the leases do. */
async function change(config: object): Promise<void> {
  await stopBoth('SIGTERM')
  await bed.etcdctl('put', '/coreos.com/network/config', JSON.stringify(config))
  await startBoth()
}

async function reaches(address: string): Promise<boolean> {
  const ping = address.includes(':') ? 'ping6' : 'ping'
  return (await bed.inPod(1, 'busybox', ping, '-c', '1', '-W', '1', address)).includes('1 packets received')
}

async function untilConnected(): Promise<void> {
  const [ipv4, ipv6] = [await bed.podAddress(2), await bed.podAddress6(2)]
  await until('a reply over IPv4', async () => await reaches(ipv4))
  if (ipv6 !== '') await until('a reply over IPv6', async () => await reaches(ipv6))
}

async function routesOf(index: number): Promise<string> {
  return (await bed.onHost(index, 'ip', '-4', 'route')) + (await bed.onHost(index, 'ip', '-6', 'route'))
}

async function keyOf(index: number): Promise<string> {
  const lines = (await bed.etcdctl('get', '--prefix', leases)).split('\n')
  return lines[lines.findIndex((line) => line.includes(`"${bed.address(index)}"`)) - 1] ?? ''
}

/** The bridge's address in the IPv4 or the IPv6 part of a key, as subnet.env has it. */
function firstOf(key: string, version: 4 | 6): string {
  const [ipv4 = '', ipv6 = ''] = key.slice(leases.length).split('&')
  return version === 4 ? ipv4.replace(/0-24$/, '1/24') : ipv6.replace(/-64$/, '1/64')
}

/** As text: the number is too large for JavaScript. */
async function leaseIdOf(key: string): Promise<string | undefined> {
  return /"lease":(\d+)/.exec(await bed.etcdctl('get', key, '-w', 'json'))?.[1]
}

describe('vxlan of both families', () => {
  test('leases, subnet.env and rules name both', async () => {
    const text = await bed.etcdctl('get', '--prefix', leases)
    expect(text).toMatch(/subnets\/10\.244\.\d+\.0-24&fd00:244:0:[0-9a-f]+::-64\n/)
    const value: unknown = JSON.parse((await bed.etcdctl('get', '--print-value-only', await keyOf(1))).trim())
    const data = { VNI: 1, VtepMAC: expect.stringMatching(/^02(:[0-9a-f]{2}){5}$/) }
    const addresses = { PublicIP: bed.address(1), PublicIPv6: bed.address6(1) }
    expect(value).toEqual({ ...addresses, BackendType: 'vxlan', BackendData: data, BackendV6Data: data })
    expect(await readFile(bed.subnetFile(1), 'utf8')).toMatch(
      /^FLANNEL_NETWORK=10\.244\.0\.0\/16\nFLANNEL_SUBNET=10\.244\.\d+\.1\/24\nFLANNEL_IPV6_NETWORK=fd00:244::\/48\nFLANNEL_IPV6_SUBNET=fd00:244:0:[0-9a-f]+::1\/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n$/,
    )
    expect(await bed.onHost(1, 'ip6tables', '-t', 'nat', '-S', 'FLANNEL-POSTRTG')).toContain('! -d ff00::/8')
  })

  test('pods reach one another over both', untilConnected)

  test('/healthz and /readyz answer as upstream', async () => {
    const get = async (path: string): Promise<string> =>
      await bed.onHost(1, 'busybox', 'wget', '-q', '-O-', `http://127.0.0.1:18471${path}`)
    expect([await get('/healthz'), await get('/readyz')]).toEqual(['flanneld is running', 'flanneld is ready'])
    const head = await bed.onHost(1, 'busybox', 'wget', '-qSO-', 'http://127.0.0.1:18471/readyz')
    expect(head).toMatch(/Content-Length: 17\r?\n/)
  })

  test('a daemon that is killed and started again loses no packet', async () => {
    const stream = bed.inPod(1, 'busybox', 'ping', '-c', '25', '-i', '0.1', '-W', '1', await bed.podAddress(2))
    await bed.stop(daemons[0] ?? etcd, 'SIGKILL')
    await rm(bed.subnetFile(1))
    daemons[0] = await bed.startFlanneld(1, '--healthz-port=18471')
    expect(await stream).toContain('25 packets received')
  })

  test('a device that somebody removes is made again, with the same hardware address and all entries', async () => {
    const link = async (): Promise<string> => await bed.onHost(1, 'ip', '-o', 'link', 'show', 'flannel.1')
    const mac = /link\/ether (\S+)/.exec(await link())?.[1] ?? 'none'
    await bed.onHost(1, 'ip', 'link', 'delete', 'flannel.1')
    await bed.onHost(1, 'ip', 'link', 'delete', 'flannel-v6.1')
    await until('the device', async () => (await link()).includes(mac))
    await untilConnected()
  })

  test('rules that somebody flushes come back once, in their order', async () => {
    const nat = async (): Promise<string> => await bed.onHost(1, 'iptables', '-t', 'nat', '-S')
    const before = await nat()
    await bed.onHost(1, 'iptables', '-t', 'nat', '-F')
    await bed.onHost(1, 'ip6tables', '-t', 'filter', '-F')
    await until('the rules', async () => (await nat()) === before)
    await until('the rules of IPv6', async () => {
      return (await bed.onHost(1, 'ip6tables', '-S')).includes('-A FLANNEL-FWD -s fd00:244::/48')
    })
  })
})

describe('etcd', () => {
  test('a lease that is deleted or revoked is taken again', async () => {
    const key = await keyOf(1)
    await bed.etcdctl('del', key)
    await until('the key', async () => (await keyOf(1)) === key)
    const lease = await leaseIdOf(key)
    await bed.etcdctl('lease', 'revoke', BigInt(lease ?? 0).toString(16))
    await until('the key', async () => (await keyOf(1)) === key && (await leaseIdOf(key)) !== lease)
    await untilConnected()
  })

  test('a reservation stays one over a restart', async () => {
    const key = await keyOf(1)
    await bed.etcdctl('put', key, (await bed.etcdctl('get', '--print-value-only', key)).trim())
    await bed.stop(daemons[0] ?? etcd, 'SIGTERM')
    await rm(bed.subnetFile(1))
    daemons[0] = await bed.startFlanneld(1)
    expect(await leaseIdOf(key)).toBeUndefined()
  })

  test('hosts that come, move and go are followed, also those of upstream’s flannel', async () => {
    const mac = '02:00:00:00:07:07'
    const key = `${leases}10.244.250.0-24&fd00:244:0:fffa::-64`
    const value = (last: number): string =>
      `{"PublicIP":"172.29.0.${last}","PublicIPv6":"fd29::${last}","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${mac}"},"BackendV6Data":{"VNI":1,"VtepMAC":"${mac}"}}`
    const entries = async (): Promise<string> => {
      const forwarding = ['flannel.1', 'flannel-v6.1'].map((name) =>
        bed.onHost(1, 'bridge', 'fdb', 'show', 'dev', name),
      )
      return `${(await Promise.all(forwarding)).join('')}${await routesOf(1)}`
    }
    await bed.etcdctl('put', key, value(77))
    await until('its entries', async () => {
      const text = await entries()
      const isForwarded = text.includes(`${mac} dst 172.29.0.77`) && text.includes(`${mac} dst fd29::77`)
      const isRouted = /10\.244\.250\.0\/24 via 10\.244\.250\.0 dev flannel\.1 onlink/.test(text)
      return isForwarded && isRouted && /fd00:244:0:fffa::\/64 via fd00:244:0:fffa:: dev flannel-v6\.1/.test(text)
    })
    await bed.etcdctl('put', key, value(78))
    await until('its new address', async () => {
      const text = await entries()
      return text.includes(`${mac} dst fd29::78`) && !text.includes('dst 172.29.0.77')
    })
    await bed.etcdctl('del', key)
    await until('no entries', async () => !/fffa|\.250\.|07:07/.test(await entries()))
  })

  test('traffic goes on without etcd, and nothing is missed when it is back', async () => {
    await bed.stop(etcd, 'SIGKILL')
    await untilConnected()
    etcd = await bed.startEtcd()
    const key = `${leases}10.244.251.0-24`
    await bed.etcdctl(
      'put',
      key,
      '{"PublicIP":"172.29.0.79","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:08:08"}}',
    )
    await bed.etcdctl('compact', String(JSON.parse(await bed.etcdctl('get', key, '-w', 'json')).header.revision))
    await until('its route', async () => (await routesOf(1)).includes('10.244.251.0/24'))
    await bed.etcdctl('del', key)
    await until('no route', async () => !(await routesOf(1)).includes('10.244.251.0/24'))
  })
})

describe('etcd of others', () => {
  test('a subnet that another host has taken is given up, and the next start leases another', async () => {
    const key = await keyOf(1)
    const ended = daemons[0] ?? etcd
    await bed.etcdctl('put', key, '{"PublicIP":"172.29.0.99","PublicIPv6":null,"BackendType":"udp"}')
    await until('its end', async () => ended.exitCode !== null)
    expect(ended.exitCode).toBe(1)
    expect(await bed.log(1)).toMatch(/subnet 10\.244\.\d+\.0\/24,fd00:[0-9a-f:]+\/64 was lost to another host/)
    await rm(bed.subnetFile(1))
    daemons[0] = await bed.startFlanneld(1)
    expect(await keyOf(1)).not.toBe(key)
    // The pod of this host keeps its address in what follows.
    await stopBoth('SIGTERM')
    await Promise.all([bed.etcdctl('del', key), bed.etcdctl('del', await keyOf(1))])
    await writeFile(bed.subnetFile(1), `FLANNEL_SUBNET=${firstOf(key, 4)}\nFLANNEL_IPV6_SUBNET=${firstOf(key, 6)}\n`)
    await startBoth()
    await until('the same subnet', async () => (await keyOf(1)) === key)
    await untilConnected()
  })

  test('users and passwords are sent, and sent again when etcd has forgotten the session', async () => {
    await bed.etcdctl('user', 'add', 'root:secret')
    await bed.etcdctl('user', 'grant-role', 'root', 'root')
    await bed.etcdctl('auth', 'enable')
    const root = ['--user=root:secret'] as const
    try {
      await stopBoth('SIGTERM')
      await startBoth('--etcd-username=root', '--etcd-password=secret')
      await bed.stop(etcd, 'SIGKILL')
      etcd = await bed.startEtcd()
      const key = `${leases}10.244.253.0-24`
      const value =
        '{"PublicIP":"172.29.0.80","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:09:09"}}'
      await bed.etcdctl(...root, 'put', key, value)
      await until('its route', async () => (await routesOf(1)).includes('10.244.253.0/24'))
      await bed.etcdctl(...root, 'del', key)
    } finally {
      await bed.etcdctl(...root, 'auth', 'disable')
    }
  })
})

describe('nftables', () => {
  test('rules move to upstream’s tables, and come back when somebody flushes them', async () => {
    await change({ ...networks, EnableNFTables: true, Backend: { Type: 'vxlan' } })
    // Its chains are written one after the other, in whatever order.
    const table = async (): Promise<string> => {
      const lines = (await bed.onHost(1, 'nft', 'list', 'table', 'ip', 'flannel-ipv4')).split('\n')
      return lines.toSorted().join('\n')
    }
    const rule = 'ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random'
    await until('the rules', async () => {
      const text = await table()
      return text.includes(rule) && text.includes('ip saddr 10.244.0.0/16 accept')
    })
    await until('the rules of IPv6', async () => {
      return (await bed.onHost(1, 'nft', 'list', 'table', 'ip6', 'flannel-ipv6')).includes('chain postrtg')
    })
    await until('the end of the other rules', async () => !(await bed.onHost(1, 'iptables-save')).includes('FLANNEL'))
    const before = await table()
    await bed.onHost(1, 'nft', 'delete', 'table', 'ip', 'flannel-ipv4')
    await until('the table', async () => (await table()) === before)
    await untilConnected()
  })

  test('rules move back, and nothing is left', async () => {
    await change({ ...networks, Backend: { Type: 'host-gw' } })
    await until('no tables', async () => !(await bed.onHost(1, 'nft', 'list', 'tables')).includes('flannel'))
    await until('the rules', async () => {
      return (await bed.onHost(1, 'iptables', '-t', 'nat', '-S')).includes('-j FLANNEL-POSTRTG')
    })
  })
})

describe('host-gw of both families', () => {
  test('routes lead straight to the other host, and those of vxlan are gone', async () => {
    await untilConnected()
    await until('no routes of vxlan', async () => !/244.* dev flannel/.test(await routesOf(1)))
    const routes = await routesOf(1)
    expect(routes).toMatch(new RegExp(`10\\.244\\.\\d+\\.0/24 via ${bed.address(2)} dev eth0`))
    expect(routes).toContain(`via ${bed.address6(2)} dev eth0`)
  })

  test('routes come back after the link was down, and after somebody flushed them', async () => {
    await bed.onHost(1, 'ip', 'link', 'set', 'eth0', 'down')
    await until('no routes', async () => !(await routesOf(1)).includes(`via ${bed.address(2)}`))
    await bed.onHost(1, 'ip', 'link', 'set', 'eth0', 'up')
    await bed.onHost(1, 'ip', 'route', 'add', 'default', 'via', bed.address(0))
    await bed.onHost(1, 'ip', '-6', 'route', 'replace', 'default', 'via', bed.address6(0))
    await untilConnected()
    await bed.onHost(1, 'ip', 'route', 'flush', 'via', bed.address(2))
    await untilConnected()
  })
})

describe('several networks on one host', () => {
  test('a second daemon with another network and VNI takes nothing from the first', async () => {
    const config = { Network: '10.99.0.0/16', Backend: { Type: 'vxlan', VNI: 7, Port: 4789 } }
    await bed.etcdctl('put', '/other/network/config', JSON.stringify(config))
    const second = bed.spawnFlanneld(
      1,
      `--etcd-endpoints=${bed.etcdUrl}`,
      '--etcd-prefix=/other/network',
      `--subnet-file=${bed.folder}/other.env`,
      '--ip-masq',
      '--iptables-resync=1',
    )
    const rules = async (): Promise<string> => await bed.onHost(1, 'iptables', '-t', 'nat', '-S', 'FLANNEL-POSTRTG')
    await until('both networks’ rules', async () => (await rules()).includes('-s 10.99.0.0/16 ! -d 224.0.0.0/4'))
    await bed.onHost(1, 'iptables', '-t', 'nat', '-F', 'FLANNEL-POSTRTG')
    const count = async (text: string): Promise<number> => (await rules()).split(text).length - 1
    await until('both again', async () => (await count('-j MASQUERADE')) === 4)
    const settled = await rules()
    await systemClock.sleep(2_500, AbortSignal.timeout(10_000))
    expect(await rules()).toBe(settled)
    await untilConnected()
    await bed.stop(second, 'SIGTERM')
    expect(await bed.onHost(1, 'ip', '-d', 'link', 'show', 'flannel.7')).toMatch(/vxlan id 7 .*dstport 4789/)
  })
})

describe('extension', () => {
  test('commands are run with the subnets of other hosts', async () => {
    await change({
      ...networks,
      Backend: {
        Type: 'extension',
        PreStartupCommand: 'echo hello',
        SubnetAddCommand: 'ip route replace $SUBNET via $PUBLIC_IP proto 99',
        SubnetRemoveCommand: `ip route delete "$SUBNET" via "\${PUBLIC_IP}" proto 99`,
        ShutdownCommand: `touch ${bed.folder}/was-stopped`,
      },
    })
    await until('a reply', async () => await reaches(await bed.podAddress(2)))
    expect(await bed.etcdctl('get', '--print-value-only', await keyOf(1))).toContain('"BackendData":"hello"')
    const key = `${leases}10.244.252.0-24`
    await bed.etcdctl(
      'put',
      key,
      `{"PublicIP":"${bed.address(2)}","PublicIPv6":null,"BackendType":"extension","BackendData":"x"}`,
    )
    await until('its route', async () => (await routesOf(1)).includes('10.244.252.0/24'))
    await bed.etcdctl('del', key)
    await until('no route', async () => !(await routesOf(1)).includes('10.244.252.0/24'))
    await stopBoth('SIGTERM')
    expect(await readFile(`${bed.folder}/was-stopped`, 'utf8')).toBe('')
  })
})

describe('what cannot be', () => {
  const cases = [
    ['ipip', { Network: '10.244.0.0/16', Backend: { Type: 'ipip' } }, /this kernel has no devices of type ipip/],
    [
      'wireguard',
      { Network: '10.244.0.0/16', Backend: { Type: 'wireguard' } },
      /wireguard: load its module|needs the program wg/,
    ],
  ] as const
  for (const [type, config, message] of cases) {
    test(`a kernel without ${type} is told of in one sentence, and the exit code is 1`, async (context) => {
      const known = await bed.onHost(1, 'ip', 'link', 'add', 'probe', 'type', type)
      await bed.onHost(1, 'ip', 'link', 'delete', 'probe')
      if (known === '') context.skip(`this kernel has ${type}: its test is the one in the virtual machine`)
      await bed.etcdctl('put', '/coreos.com/network/config', JSON.stringify(config))
      const child = bed.spawnFlanneld(1, `--etcd-endpoints=${bed.etcdUrl}`, `--subnet-file=${bed.folder}/none.env`)
      await until('its end', async () => child.exitCode !== null)
      expect(child.exitCode).toBe(1)
      expect(await bed.log(1)).toMatch(message)
    })
  }
})
