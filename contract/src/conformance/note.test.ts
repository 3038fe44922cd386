import { conformance } from './conformance.ts'
import { powerfulNote } from './note-powers.ts'
import { noteSubject } from './note-subject.ts'

// The honest provider: what does not let it pass is a fault of the suite.
conformance(noteSubject(powerfulNote))
