"""Errors that a person reads: a place, an effect, and the next act. Never a patient."""


class EngineError(Exception):
    """Base of every error of ours.

    ``where`` names a place, ``effect`` says what happened because of it, ``remedy`` says what to
    do next. None of them may hold a value of a message.
    """

    code = "RE-000"
    what = "Something went wrong."

    def __init__(self, *, where: str, effect: str, remedy: str, what: str | None = None) -> None:
        self.where = where
        self.effect = effect
        self.remedy = remedy
        if what is not None:
            self.what = what
        super().__init__(f"{self.code} {self.what}")

    def __str__(self) -> str:
        return (
            f"{self.code} {self.what}\n"
            f"  where:  {self.where}\n"
            f"  effect: {self.effect}\n"
            f"  do:     {self.remedy}"
        )


class ConfigError(EngineError):
    """A configuration or mapping file that cannot be used."""

    code = "CF-100"
    what = "The configuration cannot be used."


class MessageError(EngineError):
    """A message that cannot be read."""

    code = "IN-100"
    what = "The message cannot be read."


class ComposeError(EngineError):
    """A letter that cannot be made."""

    code = "LE-100"
    what = "The letter cannot be made."


class StoreError(EngineError):
    """The store refuses, or cannot be opened."""

    code = "ST-100"
    what = "The store cannot be used."


class RefusedError(StoreError):
    """This one work goes against a rule of the store; another would be taken."""

    code = "ST-101"
    what = "The store refuses this."


class DamagedError(RefusedError):
    """What this one work asked for is not what was written; the rest of the store can be used."""

    code = "ST-102"
    what = "What the store holds is not what was written."


class OperationError(EngineError):
    """An operator's command that cannot be carried out."""

    code = "OP-100"
    what = "The command cannot be carried out."
