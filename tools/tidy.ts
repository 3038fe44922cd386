// Owns: `node tools/tidy.ts`: what STYLE and DESIGN section 9 ask for, held by a check instead of by good will.
// Never: mends anything: a broken rule is a decision for a person.

import { join } from 'node:path'
import { allowed } from './tidy/allowed.ts'
import { checkFiles } from './tidy/check-files.ts'
import { problemText } from './tidy/problem.ts'
import { readFiles } from './tidy/read-files.ts'

const files = readFiles(join(import.meta.dirname, '..'))
const problems = checkFiles(files, allowed)
for (const problem of problems) console.error(problemText(problem))
console.log(problems.length === 0 ? `tidy: ${files.length} files, nothing wrong` : `tidy: ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
