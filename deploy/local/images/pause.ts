/**
 * The program of the pause container: it holds the pod's namespaces and does nothing else. A static ELF file written here, so
 * that no compiler and no download is needed: ignore SIGCHLD (the kernel then reaps orphans of a shared process namespace),
 * ignore nothing else, wait for ever. Pure.
 */

type Architecture = 'amd64' | 'arm64'

const loadAddress = 0x400000
const headerBytes = 64 + 56

// rt_sigaction(SIGCHLD, &{ handler: SIG_IGN }, NULL, 8); for (;;) pause();
const machineCode: Readonly<Record<Architecture, (dataAddress: number) => Buffer>> = {
  amd64: (data) =>
    Buffer.concat([
      Buffer.from([0xb8, 13, 0, 0, 0]), // mov eax, 13 (rt_sigaction)
      Buffer.from([0xbf, 17, 0, 0, 0]), // mov edi, 17 (SIGCHLD)
      Buffer.from([0xbe, ...littleEndian(data)]), // mov esi, data
      Buffer.from([0x31, 0xd2]), // xor edx, edx
      Buffer.from([0x41, 0xba, 8, 0, 0, 0]), // mov r10d, 8
      Buffer.from([0x0f, 0x05]), // syscall
      Buffer.from([0xb8, 34, 0, 0, 0]), // mov eax, 34 (pause)
      Buffer.from([0x0f, 0x05]), // syscall
      Buffer.from([0xeb, 0xf7]), // jmp to the mov before
    ]),
  arm64: (data) => {
    const words = [
      0xd2800008 | (134 << 5), // mov x8, 134 (rt_sigaction)
      0xd2800000 | (17 << 5), // mov x0, 17 (SIGCHLD)
      0xd2800001 | ((data & 0xffff) << 5), // mov x1, data[15:0]
      0xf2a00001 | ((data >>> 16) << 5), // movk x1, data[31:16], lsl 16
      0xd2800002, // mov x2, 0
      0xd2800003 | (8 << 5), // mov x3, 8
      0xd4000001, // svc 0
      0xd2800008 | (73 << 5), // mov x8, 73 (ppoll)
      0xd2800000, // mov x0, 0
      0xd2800001, // mov x1, 0
      0xd2800002, // mov x2, 0
      0xd2800003, // mov x3, 0
      0xd4000001, // svc 0
      0x14000000 | ((-6 >>> 0) & 0x03ffffff), // b to the mov of ppoll
    ]
    const code = Buffer.alloc(words.length * 4)
    for (const [at, word] of words.entries()) code.writeUInt32LE(word >>> 0, at * 4)
    return code
  },
}

/** The bytes of the program. */
export function pauseProgram(architecture: Architecture): Buffer {
  const encode = machineCode[architecture]
  const codeBytes = encode(0).length
  const data = Buffer.alloc(32)
  data.writeUInt8(1, 0) // SIG_IGN
  const dataOffset = Math.ceil((headerBytes + codeBytes) / 8) * 8
  const body = Buffer.alloc(dataOffset + data.length)
  elfHeader(body, architecture)
  encode(loadAddress + dataOffset).copy(body, headerBytes)
  data.copy(body, dataOffset)
  return body
}

/** ELF header and one loadable segment that holds the whole file. Source: System V ABI, chapter 4 and 5. */
function elfHeader(file: Buffer, architecture: Architecture): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0)
  file.writeUInt16LE(2, 16) // ET_EXEC
  file.writeUInt16LE(architecture === 'amd64' ? 62 : 183, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(BigInt(loadAddress + headerBytes), 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64) // PT_LOAD
  file.writeUInt32LE(5, 68) // readable, executable
  file.writeBigUInt64LE(BigInt(loadAddress), 80)
  file.writeBigUInt64LE(BigInt(loadAddress), 88)
  file.writeBigUInt64LE(BigInt(file.length), 96)
  file.writeBigUInt64LE(BigInt(file.length), 104)
  file.writeBigUInt64LE(0x1000n, 112)
}

function littleEndian(value: number): readonly number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]
}
