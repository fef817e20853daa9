/** Tells whether anybody has changed links, addresses or routes of this host: the kernel's own announcements (rtnetlink). */
import { endianness } from 'node:os'
import { libc, linux, must } from '../backend/udp/libc.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const NETLINK_ROUTE = 0
/** RTMGRP_LINK, …_IPV4_IFADDR, …_IPV4_ROUTE, …_IPV6_IFADDR, …_IPV6_ROUTE. */
const groups = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

/** What is said of changes since it was last asked. */
export type KernelMonitor = {
  readonly hasChanged: () => boolean
  readonly close: () => void
}

/** Begins to listen. Nothing is kept of what is heard: whoever hears of a change looks for himself. */
export function openKernelMonitor(): KernelMonitor {
  const fd = must('socket', libc.socket(AF_NETLINK, SOCK_RAW | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC, NETLINK_ROUTE))
  must('bind', libc.bind(fd, netlinkAddress(), 12))
  const buffer = Buffer.alloc(65_536)
  return {
    hasChanged: () => {
      let heard = false
      // An overflow (ENOBUFS) ends it early: messages were heard before, and the rest is read next time.
      while (libc.read(fd, buffer, buffer.length) > 0) heard = true
      return heard
    },
    close: () => void libc.close(fd),
  }
}

/** A `struct sockaddr_nl`. */
function netlinkAddress(): Uint8Array {
  const view = new DataView(new ArrayBuffer(12))
  const isLittle = endianness() === 'LE'
  view.setUint16(0, AF_NETLINK, isLittle)
  view.setUint32(8, groups, isLittle)
  return new Uint8Array(view.buffer)
}
