"""What the record says of the patient's health in passing, in messages that are no document."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from engine.model.care import Half
from engine.model.summary import Items
from engine.model.value import Value


class Topic(StrEnum):
    """What a clinical statement is about. Closed."""

    ALLERGIES = "allergies"
    DIAGNOSES = "diagnoses"
    TREATMENT = "treatment"
    VACCINATION = "vaccination"
    APPOINTMENT = "appointment"


class ClinicalStated(Value):
    """What one feed says on one topic.

    Source  AL1 and DG1 of an ADT; RXE, RXA and SCH of RDE^O11, VXU^V04 and SIU. Built by
    mapping.clinical and nowhere else.
    """

    kind: Literal["clinical"] = "clinical"
    topic: Topic
    key: str = Field(
        default="",
        repr=False,
        description="Order or appointment number; empty: the statement is the whole of its topic "
        "(AL1 and DG1 are sent as snapshots, HL7 v2.5 section 2.10.4).",
    )
    visit: str | None = Field(default=None, repr=False, description="PV1-19.1.")
    half: Half = Field(default=Half.DSS, description="Whose agreement it needs to leave.")
    validated: bool = Field(default=False, description="The mapping trusts this feed.")
    reference: str = Field(default="", repr=False, description="MSH-10 of the message.")
    items: Items | None = Field(
        repr=False, description="None: cancelled, discontinued, or no longer said."
    )
