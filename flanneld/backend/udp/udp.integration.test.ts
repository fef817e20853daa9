/** The tunnel's conduct on the wire and towards senders: what upstream's datagrams look like, and what comes back when one fails. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sh, Testbed, until } from '../../testbed.ts'
import { checksum } from './packet.ts'

let bed: Testbed
let daemons: readonly ChildProcess[] = []
let pod1 = ''
let pod2 = ''

beforeAll(async () => {
  bed = await Testbed.open()
  await bed.startEtcd({ Network: '10.244.0.0/16', Backend: { Type: 'udp' } })
  daemons = await Promise.all([1, 2].map(async (host) => await bed.startFlanneld(host, '--healthz-port=8471')))
  await bed.addPod(1)
  await bed.addPod(2)
  pod1 = await bed.podAddress(1)
  pod2 = await bed.podAddress(2)
  await until('a reply', async () =>
    (await bed.inPod(1, 'busybox', 'ping', '-c1', '-W1', pod2)).includes('1 packets received'),
  )
})
afterAll(async () => {
  await bed.close()
})

/** An address of the network that belongs to no host. */
const nowhere = '10.244.255.200'

async function counter(host: number, line: string): Promise<number> {
  const program = `fetch('http://127.0.0.1:8471/metrics').then((r)=>r.text()).then((t)=>console.log(t))`
  const text = await bed.onHost(host, process.execPath, '-e', program)
  return Number(
    text
      .split('\n')
      .find((one) => one.startsWith(line))
      ?.slice(line.length),
  )
}

const dropped = async (host: number, reason: string): Promise<number> =>
  await counter(host, `flanneld_udp_dropped_packets_total{reason="${reason}"} `)

test('the log says what was found by trial', async () => {
  expect(await bed.log(1)).toMatch(
    /"offloads":"(none|tcp|tcp\+udp)","sends":".* a call","receives":".* a call","msg":"Opened the tunnel"/,
  )
})

test('a connection to an address of no host ends at once with what ICMP says, and is counted', async () => {
  const before = await dropped(1, 'no_route')
  const program = `require('net').connect(80,'${nowhere}').on('error',(e)=>console.log(e.code))`
  expect(await bed.inPod(1, 'timeout', '30', process.execPath, '-e', program)).toMatch(/ENETUNREACH|EHOSTUNREACH/)
  expect(await dropped(1, 'no_route')).toBeGreaterThan(before)
})

test('ping is told, too', async () => {
  const text = await bed.inPod(1, 'timeout', '40', 'busybox', 'traceroute', '-I', '-n', '-q1', '-w10', '-m3', nowhere)
  expect(text).toContain('!N')
})

test('traceroute by UDP and by ICMP sees the tunnel as one step', async () => {
  for (const kind of [[], ['-I']]) {
    const text = await bed.inPod(1, 'busybox', 'traceroute', ...kind, '-n', '-q1', '-w10', '-m6', pod2)
    const hops = text.split('\n').flatMap((line) => /^\s*\d+\s+(\S+)/.exec(line)?.[1] ?? [])
    expect(hops.at(-1)).toBe(pod2)
    expect(hops).toContainEqual(expect.stringMatching(/^10\.244\.\d+\.0$/))
    expect(hops).not.toContain('*')
  }
})

test('a packet that is too large and must not be cut is answered with the size that fits', async () => {
  const devices = [
    [bed.pod(1), 'eth0'],
    [bed.host(1), 'veth1'],
    [bed.host(1), 'cni0'],
  ] as const
  for (const [space, device] of devices) await sh('ip', '-n', space, 'link', 'set', device, 'mtu', '1500')
  try {
    const text = await bed.inPod(1, 'busybox', 'traceroute', '-F', '-n', '-q1', '-w10', '-m4', pod2, '1500')
    expect(text).toMatch(/!F-1472/)
  } finally {
    for (const [space, device] of devices) await sh('ip', '-n', space, 'link', 'set', device, 'mtu', '1472')
  }
})

test('datagrams of every size come back byte for byte, fragmented ones as well', async () => {
  const echo = `const s=require('dgram').createSocket('udp4');s.on('message',(m,r)=>s.send(m,r.port,r.address));s.bind(7100)`
  const server = spawn('ip', ['netns', 'exec', bed.pod(2), process.execPath, '-e', echo], { stdio: 'ignore' })
  try {
    await until('a server', async () => (await bed.inPod(2, 'ss', '-lun')).includes(':7100'))
    const ask = `
      const s=require('dgram').createSocket('udp4'),crypto=require('crypto')
      const sizes=[1,7,8,63,64,65,511,1443,1444,1445,1471,1472,1473,2943,9000,20000,65000]
      let at=0,sent
      const next=()=>{if(at===sizes.length){console.log('all');process.exit()};sent=crypto.randomBytes(sizes[at]);s.send(sent,7100,'${pod2}')}
      s.on('message',(m)=>{if(!m.equals(sent)){console.log('differs at '+sizes[at]);process.exit()};at++;next()})
      s.bind(0,next)`
    expect((await bed.inPod(1, 'timeout', '40', process.execPath, '-e', ask)).trim()).toBe('all')
  } finally {
    server.kill('SIGKILL')
  }
})

test('a datagram written by hand is understood, and what we write is a bare packet in a datagram on port 8285', async () => {
  const program = `
    const s=require('dgram').createSocket('udp4')
    s.on('message',(m,r)=>{if(m[9]!==1)return;console.log(JSON.stringify([m.toString('hex'),r.address,r.port]));process.exit()})
    s.bind(8285,'${bed.address(1)}',()=>s.send(Buffer.from('${rawIcmp(pod2).toString('hex')}','hex'),8285,'${bed.address(2)}'))`
  const [first] = daemons
  if (first === undefined) throw new Error('no flanneld')
  await bed.stop(first, 'SIGKILL')
  const text = await bed.onHost(1, 'timeout', '30', process.execPath, '-e', program)
  const [hex, address, port] = JSON.parse(text)
  const reply = Buffer.from(hex, 'hex')
  expect([address, port]).toEqual([bed.address(2), 8285])
  expect([reply[0], reply.readUInt16BE(2), reply[9], reply[20], reply[21]]).toEqual([0x45, 28, 1, 0, 0])
  expect([reply.subarray(12, 16).join('.'), reply.subarray(24, 28).toString('latin1')]).toEqual([pod2, 'ab\0\x07'])
})

/** An echo request from an address of host 1's subnet. */
function rawIcmp(to: string): Buffer {
  const packet = Buffer.alloc(28)
  packet[0] = 0x45
  packet.writeUInt16BE(28, 2)
  packet[8] = 64
  packet[9] = 1
  packet.set(pod1.split('.').map(Number), 12)
  packet.set(to.split('.').map(Number), 16)
  packet.writeUInt16BE(checksum(packet, 0, 20), 10)
  packet[20] = 8
  packet.write('ab\0\x07', 24, 'latin1')
  packet.writeUInt16BE(checksum(packet, 20, 8), 22)
  return packet
}
