"""How long things are kept."""

from datetime import timedelta

from pydantic import Field

from engine.model.value import Value


class Retention(Value):
    """How long `relais purge` leaves things; what is still needed stays, however old."""

    messages: timedelta = Field(
        default=timedelta(days=90), description="Bytes of messages, from their arrival."
    )
    documents: timedelta = Field(
        default=timedelta(days=180),
        description="Documents, from the last word of a patient whose stays have ended.",
    )
    letters: timedelta = Field(
        default=timedelta(days=365), description="Mails and their files, from their end."
    )
    tasks: timedelta = Field(
        default=timedelta(days=365), description="Closed tasks about messages and deliveries."
    )
    patients: timedelta = Field(
        default=timedelta(days=730),
        description="All that is known of a patient whose stays have ended, from the last word.",
    )
