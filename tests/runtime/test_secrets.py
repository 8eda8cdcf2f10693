"""A secret that cannot be read is refused in words, whatever the reference holds."""

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.model.channel import SecretRef
from engine.model.errors import ConfigError
from engine.runtime.secrets import parse_reference, resolve_secret


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "/", "/nowhere/at/all"])
def test_a_reference_to_no_file_is_refused_in_words(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve_secret(SecretRef(source="file", name=name))
    assert raised.value.remedy
    assert "\0" not in str(raised.value)


@given(st.text(min_size=1, max_size=300), st.sampled_from(["file", "env", "credential"]))
def test_no_reference_ends_otherwise_than_in_a_secret_or_in_words(name: str, source: str) -> None:
    assume(source != "env" or name not in os.environ)
    reference = parse_reference(f"{source}:{name}", Path("/nowhere"))
    assert reference is not None
    with pytest.raises(ConfigError):
        resolve_secret(reference)


def test_what_is_refused_never_shows_what_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"hunter2\xff")
    with pytest.raises(ConfigError) as raised:
        resolve_secret(SecretRef(source="file", name=str(path)))
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
