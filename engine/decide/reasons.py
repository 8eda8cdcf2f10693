"""Why something is said, held back, asked or kept silent: closed, each with its sentence."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """One word for rows and metrics; SENTENCES has what people read."""

    HOLD_BACK = "hold-back"
    AWAITS_CONSULTATION = "awaits-consultation"
    QUEUED = "queued"
    SAID = "said"
    POSSIBLY_SAID = "possibly-said"
    FAILED = "failed"
    HELD_BY_PERSON = "held-by-person"
    STAY_GOES_ON = "stay-goes-on"
    CONSENT_NOT_ASKED = "consent-not-asked"
    CONSENT_REFUSED = "consent-refused"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    CONSENT_COULD_NOT_BE_ASKED = "consent-could-not-be-asked"
    CONSENT_OTHER_DOCTOR = "consent-other-doctor"
    GP_UNKNOWN = "gp-unknown"
    GP_NONE = "gp-none"
    GP_UNCONFIRMED = "gp-unconfirmed"
    GP_DOUBT = "gp-doubt"
    GP_DISOWNED = "gp-disowned"
    MAILBOX_MISSING = "mailbox-missing"
    MAILBOX_DOUBT = "mailbox-doubt"
    ADDRESS_REFUSED = "address-refused"
    NO_ELECTRONIC_MAIL = "no-electronic-mail"
    IDENTITY_VETO = "identity-veto"
    TEST_IDENTITY = "test-identity"
    IDENTITY_INCOMPLETE = "identity-incomplete"
    DEATH = "death"
    TRANSFER = "transfer"
    ESCAPE = "escape"
    EXPULSION = "expulsion"
    EXIT_KIND_UNKNOWN = "exit-kind-unknown"
    LEFT_BEFORE_NOTICE = "left-before-notice"
    CAME_BACK = "came-back"
    ALREADY_TOLD = "already-told"
    TOO_OLD = "too-old"
    STAY_DOUBT = "stay-doubt"
    WHEREABOUTS = "whereabouts"
    LETTER_MISSING = "letter-missing"
    NEVER_HAPPENED = "never-happened"
    SUPERSEDED = "superseded"
    CORRECTION = "correction"
    UNIT_NOT_SET_UP = "unit-not-set-up"
    TEST_MODE_ADDRESS = "test-mode-address"
    DIVERTED_IN_TEST = "diverted-in-test"
    CANCELLED_BY_PERSON = "cancelled-by-person"
    LETTER_IMPOSSIBLE = "letter-impossible"
    TAKEN_BACK = "taken-back"
    LEAK_SUSPECTED = "leak-suspected"
    PARENT_NOT_ASKED = "parent-not-asked"
    PARENT_REFUSED = "parent-refused"
    REPRESENTATIVE_NOT_ASKED = "representative-not-asked"
    REPRESENTATIVE_REFUSED = "representative-refused"
    KEPT_FROM_PARENTS = "kept-from-parents"
    NEVER_FOR_PARENTS = "never-for-parents"
    INFANT = "infant"
    NEAR_IDENTITY = "near-identity"
    NEUTRAL_FACE_MISSING = "neutral-face-missing"


SENTENCES: Final[dict[Reason, str]] = {
    Reason.HOLD_BACK: "held back for a while, so that corrections arrive first",
    Reason.AWAITS_CONSULTATION: "waits for the arrival consultation: agreement, and GP confirmed",
    Reason.QUEUED: "written; on its way out",
    Reason.SAID: "sent, and taken by the mail operator",
    Reason.POSSIBLY_SAID: "possibly sent: the operator fell silent after taking it",
    Reason.FAILED: "could not be delivered; a task asks a person",
    Reason.HELD_BY_PERSON: "written, and held by a person",
    Reason.STAY_GOES_ON: "the stay goes on",
    Reason.CONSENT_NOT_ASKED: "no agreement of the patient is recorded",
    Reason.CONSENT_REFUSED: "the patient refused",
    Reason.CONSENT_WITHDRAWN: "the patient withdrew the agreement",
    Reason.CONSENT_COULD_NOT_BE_ASKED: "the patient could not be asked",
    Reason.CONSENT_OTHER_DOCTOR: "the agreement names another doctor than the one declared now",
    Reason.GP_UNKNOWN: "no médecin traitant is recorded",
    Reason.GP_NONE: "the patient has no médecin traitant",
    Reason.GP_UNCONFIRMED: "the médecin traitant is not confirmed",
    Reason.GP_DOUBT: "the médecin traitant is in doubt: number, name or declarations disagree",
    Reason.MAILBOX_MISSING: "the directory has no mailbox for this doctor",
    Reason.MAILBOX_DOUBT: "the directory has several mailboxes for this doctor",
    Reason.GP_DISOWNED: "the doctor said that this is not their patient",
    Reason.ADDRESS_REFUSED: "the doctor's mailbox is at an address that may not be written to",
    Reason.NO_ELECTRONIC_MAIL: "the doctor wants no electronic mail",
    Reason.IDENTITY_VETO: "the identity or the record asks for silence (status or protection flag)",
    Reason.TEST_IDENTITY: "a test identity: no real mail leaves for it",
    Reason.IDENTITY_INCOMPLETE: "the identity lacks what a letter needs: names, birth date or sex",
    Reason.DEATH: "the patient died: no routine letter",
    Reason.TRANSFER: "a transfer to another prison is no release; its unit is to be told",
    Reason.ESCAPE: "an escape is no release",
    Reason.EXPULSION: "handed over to the border police: not a release to home",
    Reason.EXIT_KIND_UNKNOWN: "what the way out means is not known; a person decides",
    Reason.LEFT_BEFORE_NOTICE: "the patient left before the notice did",
    Reason.CAME_BACK: "the patient came back before the letter left",
    Reason.ALREADY_TOLD: "the doctor was already told, shortly before",
    Reason.TOO_OLD: "too old to be told about by machine; a person decides",
    Reason.STAY_DOUBT: "something in the messages does not add up; a person looks",
    Reason.WHEREABOUTS: "away for long, and nobody said what became of the patient",
    Reason.LETTER_MISSING: "agreed to, but no validated letter has come from the record yet",
    Reason.NEVER_HAPPENED: "the stay was cancelled: it never happened",
    Reason.SUPERSEDED: "replaced by a newer version before it left",
    Reason.CORRECTION: "what was sent is no longer right; a person decides how to correct it",
    Reason.UNIT_NOT_SET_UP: "the unit has no letterhead in the configuration",
    Reason.TEST_MODE_ADDRESS: "in test mode only the declared test mailboxes may be written to",
    Reason.DIVERTED_IN_TEST: "written in test mode, for a test mailbox",
    Reason.CANCELLED_BY_PERSON: "cancelled by a person",
    Reason.TAKEN_BACK: "taken back: the doctor was told to disregard it",
    Reason.LEAK_SUSPECTED: "written, and held: something in it may say too much; a person looks",
    Reason.PARENT_NOT_ASKED: "the patient is a minor, and no parent's agreement is recorded",
    Reason.PARENT_REFUSED: "the patient is a minor, and a parent refused",
    Reason.REPRESENTATIVE_NOT_ASKED: "the patient is represented, and the representative is not "
    "recorded, or did not agree",
    Reason.REPRESENTATIVE_REFUSED: "the patient is represented, and the representative refused",
    Reason.KEPT_FROM_PARENTS: "a minor's care is kept from the parents: the minor must have named "
    "the doctor, and a person must have looked",
    Reason.NEVER_FOR_PARENTS: "a minor's care is kept from the parents: no letter",
    Reason.INFANT: "a child of that age lives with a detained mother, and is no patient of a unit",
    Reason.NEAR_IDENTITY: "another patient is so alike that one may have been taken for the other",
    Reason.LETTER_IMPOSSIBLE: "the letter cannot be made; a task says why",
    Reason.NEUTRAL_FACE_MISSING: "the detention must not be told, and the unit has no neutral face",
}
