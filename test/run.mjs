// Runs the projects of vitest one after the other (two cores: never two heavy suites at once) and adds up their results.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['unit', 'integration', 'e2e']
const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []

mkdirSync('build', { recursive: true })
if (wanted.some((project) => project !== 'unit')) {
  const setup = spawnSync('node', ['dist/local.mjs', 'install'], { stdio: 'inherit' })
  if (setup.status !== 0) process.exit(1)
}
for (const project of wanted) {
  const file = `build/test-${project}.json`
  rmSync(file, { force: true })
  const args = [
    'vitest',
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ]
  const { status } = spawnSync('npx', [...args, '--passWithNoTests'], { stdio: 'inherit' })
  count(project, file, status)
}

const line = `${total.passed} passed, ${total.failed} failed`
for (const failure of failures) console.log(`failed: ${failure}`)
if (total.skipped > 0) console.log(`${total.skipped} skipped`)
console.log(line)
writeFileSync('build/test-summary.txt', `${line}\n`)
process.exitCode = total.failed === 0 ? 0 : 1

function count(project, file, status) {
  let report
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    total.failed += 1
    failures.push(`${project}: vitest ended with code ${status} and no report`)
    return
  }
  total.passed += report.numPassedTests
  total.failed += report.numFailedTests
  total.skipped += report.numPendingTests + report.numTodoTests
  for (const suite of report.testResults) {
    const failed = suite.assertionResults.filter((test) => test.status === 'failed')
    failures.push(...failed.map((test) => `${project}: ${test.fullName}`))
    // A file that cannot even be loaded, or whose hook failed, has no failed test of its own.
    if (suite.status === 'failed' && failed.length === 0) {
      total.failed += 1
      failures.push(`${project}: ${suite.name.replace(`${process.cwd()}/`, '')}: ${suite.message}`)
    }
  }
  if (status !== 0 && total.failed === 0) {
    total.failed += 1
    failures.push(`${project}: vitest ended with code ${status}`)
  }
}
