/** `file`: a zone from a master file, read again when it changes. Wildcards and aliases are followed; delegations and DNSSEC are not. */

import { aborted } from '../../component-base/run.ts'
import { rcodes } from '../codec/message.ts'
import { isWithin, lowerName } from '../codec/name.ts'
import { type ResourceRecord, typeOf, types } from '../codec/record.ts'
import { argumentError, type Directive, unknownProperty } from '../corefile/parse.ts'
import { CorefileError } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { parseZoneFile } from '../zone/zone-file.ts'
import { durationOf, fallthroughZones, inPlugin, oneArgument } from './arguments.ts'
import { type Context, type Handler, type Outcome, type Request, replyOf, type Setup } from './plugin.ts'

/** Records by owner, and every name that is there, also those that only have names below them. */
type ZoneTable = {
  readonly soa: ResourceRecord
  readonly records: readonly ResourceRecord[]
  readonly byOwner: ReadonlyMap<string, readonly ResourceRecord[]>
  readonly names: ReadonlySet<string>
}

type Loaded = {
  readonly path: string
  readonly reloadMs: number
  readonly fallthrough: readonly string[]
  readonly tables: Map<string, ZoneTable>
}

const maxAliases = 8

/** Reads the directives. */
export const file: Setup = (lines, context) => {
  const all = inPlugin('file', () => lines.map((line) => load(line, context)))
  return {
    wrap: (next) => (request) => answer(all, context, request, next),
    task: async (signal) => {
      await Promise.all(all.map(async (loaded) => await follow(loaded, context, signal)))
    },
    transferZone: (zone) => {
      const table = all.map(({ tables }) => tables.get(zone)).find((found) => found !== undefined)
      if (table === undefined) return undefined
      return [table.soa, ...table.records.filter((item) => item !== table.soa), table.soa]
    },
  }
}

function load(line: Directive, context: Context): Loaded {
  const [path, ...names] = line.args
  if (path === undefined) throw argumentError(line)
  let reloadMs = 60_000
  let fallthrough: readonly string[] = []
  for (const item of line.block) {
    if (item.name === 'reload') reloadMs = durationOf(oneArgument(item))
    else if (item.name === 'fallthrough') fallthrough = fallthroughZones(item)
    else if (item.name !== 'upstream' && item.name !== 'reload_by_mtime') throw unknownProperty(item)
  }
  const zones = zonesOrBlock(names, context.zones)
  return { path, reloadMs, fallthrough, tables: new Map(zones.map((zone) => [zone, read(path, zone, context)])) }
}

function read(path: string, zone: string, { readText }: Context): ZoneTable {
  const records = parseZoneFile(readText(path), zone).filter(({ name }) => isWithin(name, zone))
  const soa = records.find(({ data, name }) => data.type === 'SOA' && name === zone)
  if (soa === undefined) throw new CorefileError(`file "${path}" has no SOA record for origin ${zone}`)
  const byOwner = new Map<string, ResourceRecord[]>()
  const names = new Set<string>([zone])
  for (const item of records) {
    byOwner.set(item.name, [...(byOwner.get(item.name) ?? []), item])
    for (let name = item.name; isWithin(name, zone) && !names.has(name); name = name.slice(name.indexOf('.') + 1))
      names.add(name)
  }
  return { soa, records, byOwner, names }
}

/** Reads the file again from time to time; what cannot be read leaves the zone as it is. */
async function follow({ path, reloadMs, tables }: Loaded, context: Context, signal: AbortSignal): Promise<void> {
  while (reloadMs > 0) {
    await context.clock.sleep(reloadMs, signal)
    for (const [zone, before] of tables) {
      try {
        const now = read(path, zone, context)
        if (serialOf(now) !== serialOf(before)) tables.set(zone, now)
      } catch (error) {
        context.logger.error('Could not read a zone file', { path, zone, error })
      }
    }
  }
  await aborted(signal)
}

function serialOf({ soa }: ZoneTable): number {
  return soa.data.type === 'SOA' ? soa.data.serial : 0
}

function answer(all: readonly Loaded[], context: Context, request: Request, next: Handler): Outcome | Promise<Outcome> {
  const zone = matchZone(
    all.flatMap(({ tables }) => [...tables.keys()]),
    request.name,
  )
  const loaded = zone === undefined ? undefined : all.find(({ tables }) => tables.has(zone))
  const table = zone === undefined ? undefined : loaded?.tables.get(zone)
  if (zone === undefined || table === undefined) return next(request)
  const { question, name } = request
  const found = resolve(table, zone, name, question.type, question.name)
  if (found === undefined) {
    if (matchZone(loaded?.fallthrough ?? [], name) !== undefined) return next(request)
    return replyOf({ rcode: rcodes.nameError, authorities: [table.soa], isAuthoritative: true, by: 'file' })
  }
  const last = found.at(-1)
  const outside = last?.data.type === 'CNAME' && question.type !== types.CNAME ? last.data.target : undefined
  if (outside !== undefined && !isWithin(lowerName(outside), zone)) return complete(found, outside, context, request)
  const authorities = found.some((item) => typeOf(item.data) === question.type) ? [] : [table.soa]
  return replyOf({ answers: found, authorities, isAuthoritative: true, by: 'file' })
}

/** An alias to a name elsewhere. */
async function complete(
  own: readonly ResourceRecord[],
  target: string,
  context: Context,
  request: Request,
): Promise<Outcome> {
  const found = await context.lookup(request, target, request.question.type)
  return replyOf({ answers: [...own, ...(found?.answers ?? [])], isAuthoritative: true, by: 'file' })
}

/** Records for a name, with the aliases in front; `undefined` when it does not exist. */
function resolve(
  table: ZoneTable,
  zone: string,
  name: string,
  type: number,
  owner: string,
  depth = 0,
): readonly ResourceRecord[] | undefined {
  const own = table.byOwner.get(name) ?? wildcard(table, zone, name)
  if (own === undefined) return table.names.has(name) ? [] : undefined
  const named = own.map((item) => ({ ...item, name: owner }))
  const wanted = named.filter(({ data }) => typeOf(data) === type)
  if (wanted.length > 0) return wanted
  const alias = named.find(({ data }) => data.type === 'CNAME')
  if (alias?.data.type !== 'CNAME') return []
  const target = lowerName(alias.data.target)
  if (!isWithin(target, zone) || depth >= maxAliases) return [alias]
  return [alias, ...(resolve(table, zone, target, type, target, depth + 1) ?? [])]
}

/** `*.<closest name that exists>` (RFC 4592). */
function wildcard({ byOwner, names }: ZoneTable, zone: string, name: string): readonly ResourceRecord[] | undefined {
  if (names.has(name)) return undefined
  for (
    let parent = name.slice(name.indexOf('.') + 1);
    isWithin(parent, zone);
    parent = parent.slice(parent.indexOf('.') + 1)
  ) {
    if (names.has(parent)) return byOwner.get(`*.${parent}`)
    if (parent === zone) return undefined
  }
  return undefined
}
