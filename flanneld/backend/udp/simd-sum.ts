/**
 * The sum of sums.ts, 64 bytes a step instead of 4. JavaScript has no such instructions, WebAssembly has; the function is short
 * enough to be put together here, instruction by instruction:
 *
 *   sum(at, length):                                         every 32-bit word is added to a sum of 64 bits
 *     while at + 64 <= end: four vectors of four words       (a word's half of a vector: its even words, its odd words)
 *     while at + 16 <= end: one vector
 *     while at + 4 <= end, at + 2 <= end, at < end: one word, half a word, a byte
 *     fold 64 bits into 32, then into 16, carrying around
 *
 * Source of the numbers: WebAssembly Core Specification 2.0, 5.4 (instructions) and 5.5 (modules).
 */

/** What is used of WebAssembly; Node's types leave it out. */
declare const WebAssembly: {
  readonly Memory: new (pages: {
    readonly initial: number
    readonly maximum: number
  }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

/** Sums up bytes of the memory that it was made with, as sumBytes() does. */
export type Sum = (at: number, length: number) => number

type Code = readonly number[]

/** A number as LEB128; signed ones end in a byte whose second bit is their sign. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}
function signed(value: bigint): Code {
  return value < 0x40n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...signed(value >> 7n)]
}

const vector = (number: number): Code => [0xfd, ...unsigned(number)]
const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const i32 = (value: number): Code => [0x41, ...signed(BigInt(value))]
const i64 = (value: bigint): Code => [0x42, ...signed(value)]
const [block, loop, branch, branchIf, end] = [[0x02, 0x40], [0x03, 0x40], [0x0c], [0x0d], [0x0b]]
const i32Add: Code = [0x6a]
const i32IsGreater: Code = [0x4b]
const i32FromI64: Code = [0xa7]
const i64Add: Code = [0x7c]
const i64And: Code = [0x83]
const i64ShiftRight: Code = [0x88]
const vectorAnd = vector(78)
const vectorShiftRight = vector(205)
const vectorAdd = vector(206)
const vectorLoad = (offset: number): Code => [...vector(0), 0, ...unsigned(offset)]
const vectorLane = (lane: number): Code => [...vector(29), lane]
/** Loads of 32, 16 and 8 bits as a number of 64; all may lie anywhere. */
const i64Load = { 4: [0x35, 0, 0], 2: [0x33, 0, 0], 1: [0x31, 0, 0] } as const

/** Parameters first, then the locals in the order of their types. */
const local = { at: 0, length: 1, end: 2, total: 3, evenA: 4, oddA: 5, evenB: 6, oddB: 7, loaded: 8 } as const
const [typeI32, typeI64, typeVector] = [0x7f, 0x7e, 0x7b]

/** `for (; at + step <= end; at += step) body` */
function whileFits(step: number, body: Code): Code {
  const next = [...get(local.at), ...i32(step), ...i32Add]
  const leave = [...next, ...get(local.end), ...i32IsGreater, ...branchIf, 1]
  return [...block, ...loop, ...leave, ...body, ...next, ...set(local.at), ...branch, 0, ...end, ...end]
}

/** Adds the vector at `at + offset`: the even words of it to one pair of sums, the odd ones to another. */
function addVector(offset: number, even: number, odd: number): Code {
  const evenWords = vector(12).concat([255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0])
  return [
    ...[...get(local.at), ...vectorLoad(offset), ...set(local.loaded)],
    ...[...get(local.loaded), ...evenWords, ...vectorAnd, ...get(even), ...vectorAdd, ...set(even)],
    ...[...get(local.loaded), ...i32(32), ...vectorShiftRight, ...get(odd), ...vectorAdd, ...set(odd)],
  ]
}

function addWord(bytes: 4 | 2 | 1): Code {
  return whileFits(bytes, [...get(local.total), ...get(local.at), ...i64Load[bytes], ...i64Add, ...set(local.total)])
}

/** `total = (total & (2 ** bits - 1)) + (total >> bits)` */
function foldOnce(bits: bigint): Code {
  const low = [...get(local.total), ...i64((1n << bits) - 1n), ...i64And]
  const high = [...get(local.total), ...i64(bits), ...i64ShiftRight]
  return [...low, ...high, ...i64Add, ...set(local.total)]
}

function sumFunction(): Code {
  const { at, length, evenA, oddA, evenB, oddB, total } = local
  const sums = [...get(oddA), ...vectorAdd, ...get(evenB), ...vectorAdd, ...get(oddB), ...vectorAdd, ...set(evenA)]
  return [
    ...[...get(at), ...get(length), ...i32Add, ...set(local.end)],
    ...whileFits(
      64,
      [0, 32].flatMap((o) => [...addVector(o, evenA, oddA), ...addVector(o + 16, evenB, oddB)]),
    ),
    ...whileFits(16, addVector(0, evenA, oddA)),
    ...[...get(evenA), ...sums],
    ...[...get(evenA), ...vectorLane(0), ...get(evenA), ...vectorLane(1), ...i64Add, ...set(total)],
    ...[...addWord(4), ...addWord(2), ...addWord(1)],
    // One step may leave a bit more; so each is done twice.
    ...[...foldOnce(32n), ...foldOnce(32n), ...foldOnce(16n), ...foldOnce(16n)],
    ...[...get(total), ...i32FromI64, ...end],
  ]
}

function moduleBytes(pages: number): Uint8Array {
  const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
  const name = [1, 0x6d]
  const locals = [3, 1, typeI32, 1, typeI64, 5, typeVector]
  const body = [...locals, ...sumFunction()]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, typeI32, typeI32, 1, typeI32]),
    ...section(2, [1, ...name, ...name, 2, 1, ...unsigned(pages), ...unsigned(pages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name, 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ])
}

const pageBytes = 65_536

/** Memory of at least `size` bytes that never moves, and the sum over it; `undefined` where the processor or the runtime lacks this. */
export function createSummedMemory(size: number): { readonly buffer: ArrayBuffer; readonly sum: Sum } | undefined {
  const pages = Math.ceil(size / pageBytes)
  try {
    const module = new WebAssembly.Module(moduleBytes(pages))
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const { exports } = new WebAssembly.Instance(module, { m: { m: memory } })
    // The module above says what it exports.
    return { buffer: memory.buffer, sum: exports['m'] as Sum }
  } catch {
    return undefined
  }
}
