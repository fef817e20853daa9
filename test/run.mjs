// Runs the projects of vitest one after the other (two cores: never two heavy suites at once) and adds up their results.
// Files with failures are run once more: what fails twice has failed; what passes then is counted, and named as unsteady,
// because it is a fault all the same, of the test or of the program.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/** With more files than these failing, something is broken. */
const mostSecondRuns = 5

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['unit', 'integration', 'e2e']
const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const unsteady = []

mkdirSync('build', { recursive: true })
if (wanted.some((project) => project !== 'unit')) {
  const setup = spawnSync('node', ['dist/local.mjs', 'install'], { stdio: 'inherit' })
  if (setup.status !== 0) process.exit(1)
}
for (const project of wanted) {
  const first = vitest(project)
  const files = [...new Set(first.failed.flatMap(({ file }) => file ?? []))]
  const again = files.length > 0 && files.length <= mostSecondRuns ? vitest(project, files) : undefined
  const failed = again?.failed ?? first.failed
  const names = new Set(failed.map(({ name }) => name))
  total.passed += first.passed + first.failed.length - failed.length
  total.failed += failed.length
  total.skipped += first.skipped
  failures.push(...failed.map((failure) => told(project, failure)))
  unsteady.push(...first.failed.filter(({ name }) => !names.has(name)).map((failure) => told(project, failure)))
}

const line = `${total.passed} passed, ${total.failed} failed`
for (const text of unsteady) console.log(`unsteady, passed in a second run: ${text}`)
for (const failure of failures) console.log(`failed: ${failure}`)
if (total.skipped > 0) console.log(`${total.skipped} skipped`)
console.log(line)
writeFileSync('build/test-summary.txt', `${line}\n`)
process.exitCode = total.failed === 0 ? 0 : 1

/** Runs a project, or some of its files: how many passed, and each failure with its file and what was said. */
function vitest(project, files = []) {
  const output = `build/test-${project}${files.length > 0 ? '-again' : ''}.json`
  rmSync(output, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`]
  const args = ['vitest', 'run', '--project', project, ...reporters, '--passWithNoTests', ...files]
  const { status } = spawnSync('npx', args, { stdio: 'inherit' })
  let report
  try {
    report = JSON.parse(readFileSync(output, 'utf8'))
  } catch {
    return { passed: 0, skipped: 0, failed: [{ name: `vitest ended with code ${status} and no report` }] }
  }
  const failed = report.testResults.flatMap(failuresOf)
  if (status !== 0 && failed.length === 0) failed.push({ name: `vitest ended with code ${status}` })
  return { passed: report.numPassedTests, skipped: report.numPendingTests + report.numTodoTests, failed }
}

/** A file that cannot even be loaded, or whose hook failed, has no failed test of its own. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = name.replace(`${process.cwd()}/`, '')
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (status === 'failed' && failed.length === 0) return [{ file, name: file, message }]
  return failed.map((test) => ({
    file,
    name: `${file}: ${test.fullName}`,
    message: test.failureMessages?.join('\n') ?? '',
  }))
}

function told(project, { name, message = '' }) {
  const lines = message.split('\n').filter((text) => !text.includes('node_modules'))
  return [`${project}: ${name}`, ...lines.slice(0, 8)].join('\n    ')
}
