"""The base of every domain value."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A domain value: immutable, hashable, and closed to fields we did not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64")
