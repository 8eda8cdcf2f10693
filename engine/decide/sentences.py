"""What each kind of task says to the person who must act, and how it ends."""

from typing import Final

from engine.model.task import TaskKind

TASKS: Final[dict[TaskKind, str]] = {
    TaskKind.CONSENT_MISSING: "The patient's agreement is not recorded.",
    TaskKind.CONSENT_OTHER_DOCTOR: "The agreement was given for another doctor.",
    TaskKind.GP_UNKNOWN: "No médecin traitant is recorded.",
    TaskKind.GP_UNCONFIRMED: "The médecin traitant is recorded, and nobody has confirmed it.",
    TaskKind.GP_DOUBT: "The médecin traitant is in doubt: number, name or declaration disagree.",
    TaskKind.MAILBOX_MISSING: "The directory has no mailbox for the médecin traitant.",
    TaskKind.MAILBOX_DOUBT: "The directory has several mailboxes for the médecin traitant.",
    TaskKind.GP_DISOWNED: "A doctor said that this is not their patient; nothing goes there.",
    TaskKind.GP_ON_PORTAL: "The médecin traitant is to be looked up on the insurer's portal.",
    TaskKind.ADDRESS_REFUSED: "The doctor's mailbox is at an address that may not be written to.",
    TaskKind.NO_ELECTRONIC_MAIL: "The doctor wants no electronic mail: paper.",
    TaskKind.NOT_TO_BE_POSTED: "A letter in the print queue must not be posted any more.",
    TaskKind.WITHOUT_GP: "The patient has no known médecin traitant; others may take over.",
    TaskKind.IDENTITY_VETO: "The identity, or a protection flag, asks for silence.",
    TaskKind.IDENTITY_INCOMPLETE: "The identity lacks what a letter needs.",
    TaskKind.EXIT_KIND_UNKNOWN: "What the way out means is not known.",
    TaskKind.STAY_DOUBT: "The messages about this stay do not add up.",
    TaskKind.WHEREABOUTS: "The patient has been away for long; nobody said what became of them.",
    TaskKind.LATE_ARRIVAL: "This was heard too late to be told about by machine.",
    TaskKind.ORPHAN_EXIT: "A discharge came for a stay whose arrival was never heard.",
    TaskKind.LETTER_MISSING: "The exit letter, or the part of one half, is not in the record.",
    TaskKind.DOCUMENT_DOUBT: "A document does not say which half of the unit wrote it.",
    TaskKind.TRANSFER_TELL_UNIT: "The patient went to another prison; its unit is to be told.",
    TaskKind.CORRECTION: "What was sent is no longer right.",
    TaskKind.DELIVERY_FAILED: "A letter could not be delivered.",
    TaskKind.DELIVERY_UNCERTAIN: "A letter may have been delivered; no proof came.",
    TaskKind.PROOF_MISSING: "A letter was taken by the operator, and no proof of a reading came.",
    TaskKind.RETURNED: "A letter came back: it was not delivered.",
    TaskKind.FILING_REFUSED: "The doctor's software refused a letter.",
    TaskKind.IDENTITY_REFUSED: "The doctor's software refused a letter for the patient's identity.",
    TaskKind.REPORTS_DISAGREE: "What came back about a letter does not agree, or is not of its "
    "mailbox.",
    TaskKind.REPLY: "A letter was answered: by the doctor, or by whoever was shown it.",
    TaskKind.RECORD_NOT_TOLD: "The hospital's record could not be told of a letter that left.",
    TaskKind.RECORD_REFUSED: "A system of the hospital says that it could not use what it was told "
    "of a letter.",
    TaskKind.MESSAGE_UNREADABLE: "A message was stored and cannot be read.",
    TaskKind.LETTER_IMPOSSIBLE: "A letter cannot be made.",
    TaskKind.LEAK: "A letter is held: it may say what it must not.",
    TaskKind.CANCELLED_LETTER: "A person cancelled a letter; what it would say has changed since.",
    TaskKind.VOICE_MISSING: "Somebody else must agree besides the patient.",
    TaskKind.KEPT_FROM_PARENTS: "A minor's care is kept from the parents; a letter would leave.",
    TaskKind.INFANT: "A child stands as a patient of a prison health unit.",
    TaskKind.NEAR_IDENTITY: "Two patients are alike: one may be taken for the other; "
    "a person tells them apart.",
    TaskKind.INCIDENT: "A doctor has, or may have, a letter about the wrong person, or about "
    "somebody who is not their patient.",
    TaskKind.NEUTRAL_FACE_MISSING: "The detention must not be told, and the unit has no face but "
    "the one that tells it.",
    TaskKind.PAGES_UNREAD: "A part is a PDF; a letter that must not tell the detention carries no "
    "page that nobody has read.",
    TaskKind.RELEASE_DATE_DOUBT: "Who plans the release disagrees on its day: nothing is prepared.",
    TaskKind.RELEASE_CALL: "A release is planned: ask the doctor how the patient will live.",
    TaskKind.RELEASE_APPOINTMENTS: "A release is planned, and no appointment after it is recorded.",
    TaskKind.RELEASE_COORDINATOR: "The coordinator is to be told of the week of a release; the "
    "patient agreed.",
    TaskKind.RELEASE_COORDINATOR_RECALL: "The coordinator was told of a week, and the release is "
    "no longer planned for it.",
    TaskKind.WEEK_CHECK: "One week after a release with need: were the appointments kept, until "
    "when is the treatment covered?",
}

CURES: Final[dict[TaskKind, str]] = {
    TaskKind.LEAK: "where: relais task show {id}; the letter: relais outbox show {about}; correct "
    "the document in the DPI, or: relais outbox cancel {about}; if it says nothing too much: "
    "relais task done {id} --answer go-on",
    TaskKind.CANCELLED_LETTER: "the letter: relais outbox show {about}; to have it written as of "
    "now: relais task done {id} --answer go-on; else: --answer no",
    TaskKind.CONSENT_MISSING: "ask the patient; then: relais consent record",
    TaskKind.CONSENT_OTHER_DOCTOR: "ask the patient about the doctor declared now; then: "
    "relais consent record --recipient RPPS",
    TaskKind.GP_UNKNOWN: "ask the patient, and whether the portal may be looked at (relais consent "
    "record --purpose gp-lookup); enter the doctor in the DPI, or: relais gp found",
    TaskKind.GP_UNCONFIRMED: "ask the patient; then: relais gp confirm",
    TaskKind.GP_DOUBT: "who may be meant, and why: relais task show {id}; correct the number or "
    "the name in the DPI; where sources disagree, ask the patient, then: relais gp confirm",
    TaskKind.MAILBOX_MISSING: "what was looked at: relais task show {id}; find the doctor's secure "
    "mailbox, add it to the directory file, reload; or send the letter by another way and close "
    "the task",
    TaskKind.GP_DISOWNED: "ask the patient anew who the doctor is, enter it in the DPI; if it is "
    "this one all the same: relais gp confirm --rpps {about}; the incident has its own task",
    TaskKind.GP_ON_PORTAL: "look the patient up on AMELIPRO, and bring the answer back: relais gp "
    "found --source amelipro (many at once: relais gp worklist, relais gp import)",
    TaskKind.ADDRESS_REFUSED: "why: relais task show {id}; correct the row of the directory file, "
    "or have the doctor's mailbox published; or send by another way and close the task",
    TaskKind.NO_ELECTRONIC_MAIL: "print the letter and post it: relais letter show; if the doctor "
    "wants mail after all: relais doctor note --mail",
    TaskKind.NOT_TO_BE_POSTED: "take it out of the pile: relais print withdraw {about}; if it was "
    "posted before: relais print done {about}",
    TaskKind.WITHOUT_GP: "ask the patient whether it suits, and arrange it ({about}); close the "
    "task saying what was arranged",
    TaskKind.MAILBOX_DOUBT: "leave in the directory file the one mailbox the doctor reads, reload",
    TaskKind.IDENTITY_VETO: "look at {about}; if the letter may leave: relais task done {id} "
    "--answer go-on",
    TaskKind.IDENTITY_INCOMPLETE: "complete birth name, first given name, birth date and sex in "
    "the DPI; its next message brings them here and closes this task",
    TaskKind.EXIT_KIND_UNKNOWN: "find out; then: relais task done {id} --answer release (or "
    "transfer, hospital, death, escape, expulsion, leave)",
    TaskKind.STAY_DOUBT: "look at {about} in the DPI; if all is right: relais task done {id} "
    "--answer go-on",
    TaskKind.WHEREABOUTS: "find out ({about}); record in the DPI the return, or the discharge with "
    "its mode; either closes this task",
    TaskKind.LATE_ARRIVAL: "decide; to have it told all the same: relais task done {id} "
    "--answer go-on",
    TaskKind.ORPHAN_EXIT: "see that the DPI sends the arrival; it closes this task by itself",
    TaskKind.LETTER_MISSING: "write and validate the letter ({about}) in the DPI; it leaves by "
    "itself and closes this task",
    TaskKind.DOCUMENT_DOUBT: "name the unit in the document, or in the mapping's units.toml; "
    "then: relais journal replay",
    TaskKind.TRANSFER_TELL_UNIT: "write to the unit that receives the patient; close the task",
    TaskKind.CORRECTION: "see: relais outbox show {about}; to have the doctor told to disregard "
    "it: relais task done {id} --answer cancel-notice; else call, and close the task saying how",
    TaskKind.DELIVERY_FAILED: "see: relais outbox show {about}; mend the mailbox or the relay; "
    "then: relais outbox retry {about}",
    TaskKind.DELIVERY_UNCERTAIN: "call the doctor: did it arrive? whom: relais outbox show "
    "{about}; then: relais task done {id} --answer received (or not-my-patient)",
    TaskKind.PROOF_MISSING: "call the doctor: did it arrive? whom: relais outbox show {about}; "
    "then: relais task done {id} --answer received (or not-my-patient); else send it by another "
    "way, and close the task saying how",
    TaskKind.RETURNED: "see: relais outbox show {about}; mend the mailbox in the directory file, "
    "call the doctor; then: relais task done {id} --answer received (or not-my-patient), or close "
    "the task saying how the letter went",
    TaskKind.FILING_REFUSED: "see the code: relais outbox show {about}; call the doctor; then: "
    "relais task done {id} --answer received (or not-my-patient), or close the task saying how",
    TaskKind.IDENTITY_REFUSED: "compare the identity (INS, traits) in the DPI with the doctor's; "
    "see: relais outbox show {about}; if the doctor says so: relais task done {id} --answer "
    "not-my-patient; else close it saying how it was settled",
    TaskKind.REPORTS_DISAGREE: "see: relais outbox show {about}; call the doctor; then: relais "
    "task done {id} --answer received (or not-my-patient), or close the task saying how",
    TaskKind.REPLY: "read it in the mailbox that it came to (see: relais outbox show {about}), "
    "no attachment outside the hospital's screening; what it says of the patient belongs in the "
    "DPI; then: relais task done {id} --answer received (or not-my-patient; or, for a notice of "
    "absence, your own words)",
    TaskKind.RECORD_NOT_TOLD: "see: relais outbox show {about}; mend the interface or the DPI; "
    "then: relais outbox retry {about}; or file the letter there by hand",
    TaskKind.RECORD_REFUSED: "see: relais outbox show {about}, and the audit line; file the letter "
    "there by hand; close the task saying how",
    TaskKind.MESSAGE_UNREADABLE: "see: relais journal show (number in {about}); mend the mapping "
    "or the sender; then: relais journal replay",
    TaskKind.LETTER_IMPOSSIBLE: "see the audit line of this task for the cause; mend it; closing "
    "this task tries again",
    TaskKind.VOICE_MISSING: "ask ({about}); then: relais consent record --voice parent (or "
    "representative; record who that is: relais patient protect)",
    TaskKind.KEPT_FROM_PARENTS: "have the minor name the doctor: relais consent record --recipient "
    "{about}; make sure that the letter reaches no parent; then: relais task done {id} --answer "
    "go-on",
    TaskKind.INFANT: "nothing is written about a child who lives with a detained mother; if the "
    "birth date is wrong, correct it in the DPI: its next message closes this task",
    TaskKind.NEAR_IDENTITY: "compare both (relais task show {id}); if they are two people: relais "
    "task done {id} --answer different; if they are one, merge them in the DPI",
    TaskKind.INCIDENT: "see: relais outbox show {about}; tell the data protection officer before "
    "the deadline; what is to be corrected, or asked anew, has its own task; close "
    "this one saying what was done",
    TaskKind.NEUTRAL_FACE_MISSING: "give {about} of relais.toml its neutral table, reload; or have "
    "the unit write by its own means",
    TaskKind.PAGES_UNREAD: "read its pages ({about}) in the DPI, letterhead included; if nothing "
    "there tells the detention: relais task done {id} --answer go-on; else write it there as text",
    TaskKind.RELEASE_DATE_DOUBT: "see who says what: relais task show {id}; ask the greffe; then: "
    "relais release plan PATIENT --on DAY, or --cancel",
    TaskKind.RELEASE_CALL: "the words: relais task show {id}; call, write down what you hear in "
    "the DPI, and close the task",
    TaskKind.RELEASE_APPOINTMENTS: "with whom: relais task show {id}; book, and write them in the "
    "exit letter: that closes this task; as calendar files: relais letter ics VISIT",
    TaskKind.RELEASE_COORDINATOR: "whom, and the words: relais task show {id}; call, never naming "
    "the day; then: relais task done {id} --answer told (or not-told)",
    TaskKind.RELEASE_COORDINATOR_RECALL: "whom, and the words: relais task show {id}; call; then: "
    "relais task done {id} --answer told (or not-told)",
    TaskKind.WEEK_CHECK: "which: relais task show {id}; call; then: relais task done {id} --answer "
    "kept (or partly, missed, none-booked, unreachable), followed by the day until which the "
    'treatment is covered, if it is known: --answer "kept 2026-03-20"',
}
