import type { ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Testbed, until } from './testbed.ts'

const oneReply = '1 packets received'

const mtus = { udp: 1472, 'host-gw': 1500, vxlan: 1450 }
const plain = '--udp-offloads=false'
const networks = [
  { name: 'backend udp', type: 'udp', flags: [[], []] },
  { name: 'backend udp, one packet a call', type: 'udp', flags: [[plain], [plain]] },
  { name: 'backend udp, one packet a call on one host only', type: 'udp', flags: [[], [plain]] },
  { name: 'backend host-gw', type: 'host-gw', flags: [[], []] },
  { name: 'backend vxlan', type: 'vxlan', flags: [[], []] },
] as const

for (const { name, type, flags } of networks) {
  describe(`flanneld with ${name}`, () => {
    let bed: Testbed
    let address2 = ''
    let second: ChildProcess

    beforeAll(async () => {
      bed = await Testbed.open()
      await bed.startEtcd({ Network: '10.244.0.0/16', Backend: { Type: type } })
      ;[, second] = await Promise.all([bed.startFlanneld(1, ...flags[0]), bed.startFlanneld(2, ...flags[1])])
      await bed.addPod(1)
      await bed.addPod(2)
      address2 = await bed.podAddress(2)
    })
    afterAll(async () => {
      await bed.close()
    })

    const ping = async (target: string): Promise<string> => {
      return await bed.inPod(1, 'busybox', 'ping', '-c', '1', '-W', '1', target)
    }

    test('leases are in etcd in the form that upstream writes', async () => {
      const text = await bed.etcdctl('get', '--prefix', '/coreos.com/network/subnets/')
      const lines = text.trim().split('\n')
      expect(lines).toHaveLength(4)
      expect(lines[0]).toMatch(/^\/coreos\.com\/network\/subnets\/10\.244\.\d+\.0-24$/)
      expect(lines.filter((_, index) => index % 2 === 1).map((line) => JSON.parse(line))).toContainEqual({
        PublicIP: bed.address(1),
        PublicIPv6: null,
        // Upstream's udp backend names no type.
        ...(type !== 'udp' && { BackendType: type }),
        ...(type === 'vxlan' && { BackendData: { VNI: 1, VtepMAC: expect.stringMatching(/^02(:[0-9a-f]{2}){5}$/) } }),
      })
    })

    test('subnet.env names network, subnet, MTU and masquerading', async () => {
      const text = await readFile(bed.subnetFile(1), 'utf8')
      expect(text).toMatch(
        /^FLANNEL_NETWORK=10\.244\.0\.0\/16\nFLANNEL_SUBNET=10\.244\.\d+\.1\/24\nFLANNEL_MTU=\d+\nFLANNEL_IPMASQ=true\n$/,
      )
      expect(text).toContain(`FLANNEL_MTU=${mtus[type]}\n`)
    })

    test('a pod reaches a pod of the other host, with its own address', async () => {
      await until('a reply', async () => (await ping(address2)).includes(oneReply))
      const serve =
        "require('net').createServer((s)=>{s.end(s.remoteAddress);s.on('close',()=>process.exit())}).listen(7000,'0.0.0.0')"
      const server = bed.inPod(2, process.execPath, '-e', serve)
      await until('a listener', async () => (await bed.inPod(2, 'ss', '-ltn')).includes(':7000'))
      const seen = await bed.inPod(1, 'busybox', 'nc', '-w', '20', address2, '7000')
      await server
      expect(seen).toBe(await bed.podAddress(1))
    })

    test('large packets are fragmented and arrive', async () => {
      const text = await bed.inPod(1, 'busybox', 'ping', '-c', '1', '-W', '10', '-s', '4000', address2)
      expect(text).toContain(oneReply)
    })

    for (const [from, to] of [
      [1, 2],
      [2, 1],
    ] as const) {
      test(`32 MB over TCP from host ${from} to host ${to} arrive unchanged`, async () => {
        const bytes = "require('crypto').createHash('sha256').update('x').digest().toString('hex').repeat(524288)"
        const serve = `require('net').createServer((s)=>{s.end(${bytes});s.on('close',()=>process.exit())}).listen(7001)`
        const target = await bed.podAddress(from)
        const fetch = `const h=require('crypto').createHash('md5');require('net').connect(7001,'${target}').on('data',(d)=>h.update(d)).on('end',()=>console.log(h.digest('hex')))`
        const server = bed.inPod(from, process.execPath, '-e', serve)
        await until('a listener', async () => (await bed.inPod(from, 'ss', '-ltn')).includes(':7001'))
        const received = await bed.inPod(to, 'timeout', '100', process.execPath, '-e', fetch)
        await server
        const pattern = createHash('sha256').update('x').digest('hex').repeat(524_288)
        expect(received.trim()).toBe(createHash('md5').update(pattern).digest('hex'))
      }, 150_000)
    }

    test('a host reaches a pod of the other host', async () => {
      const text = await bed.onHost(1, 'busybox', 'ping', '-c', '1', '-W', '10', address2)
      expect(text).toContain(oneReply)
    })

    test('masquerade and forward rules stand, and come back when somebody flushes them', async () => {
      const nat = async (): Promise<string> => await bed.onHost(1, 'iptables', '-t', 'nat', '-S', 'FLANNEL-POSTRTG')
      expect(await nat()).toContain(
        '-s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE',
      )
      expect(await bed.onHost(1, 'iptables', '-S', 'FLANNEL-FWD')).toContain('-s 10.244.0.0/16')
      await bed.onHost(1, 'iptables', '-t', 'nat', '-F')
      await until('the rules', async () => (await nat()).includes('MASQUERADE'))
      const jumps = await bed.onHost(1, 'iptables', '-t', 'nat', '-S', 'POSTROUTING')
      expect(jumps.match(/FLANNEL-POSTRTG/g)).toHaveLength(1)
    })

    if (type === 'udp') {
      test('flannel0 is a TUN device with the route to the network, and its counters rise', async () => {
        expect(await bed.onHost(1, 'ip', '-d', 'link', 'show', 'flannel0')).toMatch(/mtu 1472[\s\S]*tun type tun/)
        expect(await bed.onHost(1, 'ip', 'route')).toMatch(/10\.244\.0\.0\/16 dev flannel0 .*src 10\.244\.\d+\.0/)
        const sent = async (): Promise<number> => {
          const [device] = JSON.parse(await bed.onHost(1, 'ip', '-json', '-s', 'link', 'show', 'flannel0'))
          return device.stats64.tx.packets
        }
        const before = await sent()
        await ping(address2)
        expect(await sent()).toBeGreaterThan(before)
      })

      test('a destination that no host leases is answered with net unreachable', async () => {
        expect(
          await bed.inPod(1, 'busybox', 'traceroute', '-n', '-q', '1', '-w', '10', '-m', '4', '10.244.250.9'),
        ).toMatch(/!N/)
      })

      test('a packet whose time to live ends in the tunnel is answered', async () => {
        const text = await bed.inPod(1, 'busybox', 'traceroute', '-n', '-q', '1', '-w', '10', '-m', '6', address2)
        expect(text).toMatch(new RegExp(`10\\.244\\.\\d+\\.0 [\\s\\S]*${address2.replaceAll('.', '\\.')}`))
      })

      test('datagrams of hosts without a lease are dropped', async () => {
        const [before] = JSON.parse(await bed.onHost(2, 'ip', '-json', '-s', 'link', 'show', 'flannel0'))
        const sender =
          "require('dgram').createSocket('udp4').send(Buffer.alloc(28,0x45),8285,process.argv[1],()=>process.exit())"
        const { execFileSync } = await import('node:child_process')
        execFileSync(process.execPath, ['-e', sender, bed.address(2)])
        const [after] = JSON.parse(await bed.onHost(2, 'ip', '-json', '-s', 'link', 'show', 'flannel0'))
        expect(after.stats64.rx.packets).toBe(before.stats64.rx.packets)
      })
    }

    test('a flanneld that is killed and started again keeps its subnet, and traffic goes on', async () => {
      const before = await readFile(bed.subnetFile(2), 'utf8')
      await bed.stop(second, 'SIGKILL')
      await rm(bed.subnetFile(2))
      second = await bed.startFlanneld(2, ...flags[1])
      expect(await readFile(bed.subnetFile(2), 'utf8')).toBe(before)
      await until('a reply', async () => (await ping(address2)).includes(oneReply))
    })

    test('a host whose lease is gone is forgotten', async () => {
      // It would lease its subnet again at once.
      await bed.stop(second, 'SIGKILL')
      const key = `/coreos.com/network/subnets/${address2.replace(/\.9$/, '.0')}-24`
      await bed.etcdctl('del', key)
      await until('no reply', async () => !(await ping(address2)).includes(oneReply))
    })
  })
}
