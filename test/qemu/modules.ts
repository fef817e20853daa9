/** What modprobe has to know of kernel modules, read from the modules themselves (section `.modinfo`): it replaces depmod. */

export type KernelModule = {
  readonly name: string
  /** Below the folder of the modules. */
  readonly path: string
  readonly depends: readonly string[]
  readonly aliases: readonly string[]
}

/** Reads the facts of one module; `-` and `_` are the same in names of modules. */
export function readModule(path: string, content: Uint8Array): KernelModule {
  const text = Buffer.from(content).toString('latin1')
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`(?<=\\0)${key}=([^\\0]*)\\0`, 'g'))].map(([, value = '']) => value)
  return {
    name: nameOf(path),
    path,
    depends: values('depends').flatMap((value) => value.split(',').filter(Boolean).map(plain)),
    aliases: values('alias'),
  }
}

/** The name of the module in a file. */
export function nameOf(path: string): string {
  return plain(path.replace(/^.*\//, '').replace(/\.ko(\.\w+)?$/, ''))
}

/** The path that a compressed module has when it is unpacked, as the machine gets it. */
export function unpacked(path: string): string {
  return path.replace(/\.ko\.\w+$/, '.ko')
}

function plain(name: string): string {
  return name.replaceAll('-', '_')
}

/** A module and all that it needs, itself first, each before what it needs: the order of `modules.dep`. */
export function withDependencies(name: string, modules: ReadonlyMap<string, KernelModule>): readonly KernelModule[] {
  const found = new Map<string, KernelModule>()
  const visit = (each: string): void => {
    const module = modules.get(each)
    if (module === undefined) return
    // Put last again: it has to be loaded before everything that was found so far.
    found.delete(each)
    found.set(each, module)
    for (const dependency of module.depends) visit(dependency)
  }
  visit(name)
  return [...found.values()]
}

/** The files `modules.dep` and `modules.alias`. */
export function moduleIndex(modules: ReadonlyMap<string, KernelModule>): {
  readonly dep: string
  readonly alias: string
} {
  const dep = [...modules.keys()].map((name) => {
    const [own, ...needed] = withDependencies(name, modules).map(({ path }) => unpacked(path))
    return `${own ?? ''}: ${needed.join(' ')}`.trimEnd()
  })
  const alias = [...modules.values()].flatMap(({ name, aliases }) => aliases.map((each) => `alias ${each} ${name}`))
  return { dep: `${dep.join('\n')}\n`, alias: `${alias.join('\n')}\n` }
}
