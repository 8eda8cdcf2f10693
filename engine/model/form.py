"""The JSON form: what a unit writes itself, where the hospital's record cannot say it.

``LetterForm.model_json_schema()`` is its published JSON Schema (`relais letter schema`).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from engine.model.fact import Half
from engine.model.people import rpps_ok
from engine.model.summary import Change, Items, Line
from engine.model.value import Value

FORM: Final = "FORM"  # as the journal's message type
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class FormPatient(Value):
    """Whose stay it is."""

    number: Line = Field(repr=False, description="The hospital's patient number (IPP), PID-3.1.")
    authority: Line | None = Field(
        default=None,
        description="Its numbering domain, as PID-3.4 gives it: the OID, or the name. May be left "
        "out where one patient alone has that number.",
    )


class FormPerson(Value):
    """Who wrote or validated."""

    rpps: Annotated[str, StringConstraints(pattern=r"^\d{11}$")] = Field(repr=False)
    family: Line = Field(repr=False)
    given: Line = Field(repr=False)

    @model_validator(mode="after")
    def _key_holds(self) -> "FormPerson":
        if not rpps_ok(self.rpps):
            raise ValueError("the key of the RPPS does not hold")
        return self


class LetterForm(Value):
    """One half's part of the exit letter of one stay."""

    form: Literal["relais-letter/1"] = Field(description="What this is, and in which version.")
    patient: FormPatient
    visit: Line = Field(repr=False, description="Visit number of the stay, PV1-19.1.")
    half: Half = Field(description="Which half of the unit answers for it: DSS or DSP.")
    document: Line = Field(
        repr=False, description="Its number: the writer's own, and never reused."
    )
    replaces: Line | None = Field(
        default=None, repr=False, description="Number of the document that it replaces."
    )
    withdraw: bool = Field(
        default=False, description="Take the document of this number back; then without items."
    )
    author: FormPerson
    written_at: AwareDatetime = Field(description="With its offset: 2026-03-02T10:30:00+01:00.")
    validated: bool = Field(
        description="A physician answers for it. What is not validated never leaves."
    )
    validated_by: FormPerson | None = Field(
        default=None, description="That physician; required when it is validated."
    )
    items: Items = Field(default=Items(), repr=False)

    @model_validator(mode="after")
    def _adds_up(self) -> "LetterForm":
        if self.validated and self.validated_by is None:
            raise ValueError("it is validated, and validated_by is missing")
        if self.withdraw and self.items != Items():
            raise ValueError("what is withdrawn has no items")
        if not self.withdraw and self.items == Items():
            raise ValueError("items says nothing")
        if self.withdraw and self.replaces is not None:
            raise ValueError("a document is withdrawn, or replaces another: not both")
        if self.replaces == self.document:
            raise ValueError("a document does not replace itself: send it again, or give a number")
        return self


# What only the psychiatric half may say: it leaves with the agreement about that care alone.
_PSYCHIATRIC: Final = ("psychiatric_follow_up", "suicide_risk", "cmp")


def contradictions(form: LetterForm) -> Iterator[tuple[str, str]]:
    """What the fields of a form cannot say together: JSON pointer, and why."""
    items = form.items
    if form.half is Half.DSS:
        for name in _PSYCHIATRIC:
            if getattr(items, name) is not None:
                yield f"/items/{name}", "is for the psychiatric half to say: a form of DSP"
    if items.allergies_none and items.allergies:
        yield "/items/allergies_none", "says that there is none, and allergies names one"
    if items.treatments_none:
        # What was stopped during the stay is no treatment at its end.
        goes_on = [one for one in items.treatments if one.change is not Change.STOPPED]
        named = {
            "treatments": goes_on,
            "opioid": items.opioid,
            "injections": items.injections,
            "tuberculosis": items.tuberculosis,
        }
        for name, value in named.items():
            if value:
                yield "/items/treatments_none", f"says that there is none, and {name} names one"


def schema() -> dict[str, Any]:
    """The JSON Schema of the form."""
    return {"$schema": DIALECT, "$id": "urn:relais:letter-form:1"} | LetterForm.model_json_schema()
