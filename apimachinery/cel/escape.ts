/**
 * Names of properties as CEL can spell them. Source: apiserver `pkg/cel/escaping.go`, KEP-2876.
 */

/** Words that CEL keeps for itself. Source: the language definition of CEL, "Syntax". */
const reserved: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}
const unescapes = new Map(Object.entries(escapes).map(([text, escaped]) => [escaped, text]))

/** `a-b` becomes `a__dash__b`, `namespace` becomes `__namespace__`; `undefined`: CEL cannot name the property. */
export function escapeIdentifier(name: string): string | undefined {
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined
  if (reserved.has(name)) return `__${name}__`
  return /__|[-./]/.test(name) ? name.replace(/__|[-./]/g, (part) => escapes[part] ?? part) : name
}

/** The property that a CEL name stands for; `undefined`: none. */
export function unescapeIdentifier(escaped: string): string | undefined {
  if (!escaped.includes('__')) return escaped
  let isGood = true
  const name = escaped.replace(/__([^_]+)__/g, (whole, word: string) => {
    const plain = unescapes.get(whole)
    if (plain !== undefined) return plain
    if (!reserved.has(word) || whole.length !== escaped.length) isGood = false
    return word
  })
  return isGood ? name : undefined
}
