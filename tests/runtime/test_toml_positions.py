"""The line of each setting, whatever way TOML lets it be written."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.runtime.toml_positions import Path, line_of, positions

FILE = """\
mode = "test" # not = here
"quoted key".'x.y' = 1
text = \"\"\"
[no.table]
\"\"\"\"
list = [
  1, # ]
  { port = 2, deep = { at = 3 } },
]
[channels.mssante.smtp]
port = 587
[[listener]]
name = "a"
[listener.tls]
key = 'k#"'
[[listener]]
name = "b"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("mode",), 1),
        (("quoted key", "x.y"), 2),
        (("text",), 3),
        (("list",), 6),
        (("list", 0), 7),
        (("list", 1, "port"), 8),
        (("list", 1, "deep", "at"), 8),
        (("channels", "mssante"), 10),
        (("channels", "mssante", "smtp", "port"), 11),
        (("listener", 0, "name"), 13),
        (("listener", 0, "tls"), 14),
        (("listener", 0, "tls", "key"), 15),
        (("listener", 1), 16),
        (("listener", 1, "name"), 17),
    ],
)
def test_each_setting_is_found_on_its_line(path: Path, line: int) -> None:
    assert positions(FILE)[path] == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("channels", "mssante", "format"), 10),  # its table has no header of its own
        (("listener", 1, "port"), 16),
        (("hospital",), 1),
    ],
)
def test_a_setting_that_lacks_is_told_at_the_table_it_belongs_to(path: Path, line: int) -> None:
    assert line_of(positions(FILE), path) == line


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for step, one in inner:
        yield (*path, step)
        if isinstance(one, dict | list):
            yield from paths_of(one, (*path, step))


KEYS = st.sampled_from(["a", "b", "a.b", '"k k"', 'c."d e"', "'q'", '"\\u00e9"'])
VALUES = st.sampled_from(
    [
        "1", '"s#]"', "'t'", "[1, 2,\n 3]", '{ x = 1, y = { z = "q" } }', '"""m\nn # no\n"""',
        "'''\n'\n'''", "[[1],[{a=1}]] # c", "1979-05-27 07:32:00", '"""a""""', "true", "[]", "{}",
        '[\n# c\n"x", # ]\n]', '"\\u005d\\""',
    ]
)  # fmt: skip
HEADERS = st.sampled_from(
    ["[t]", "[t.u.v]", "[[l]]", "[l.s]", "[[l.m]]", "[l.m.z]", '[ "w w" . v ]', "# [no]", ""]
)
LINES = st.lists(st.builds("{} = {}".format, KEYS, VALUES) | HEADERS, max_size=9).map("\n".join)


@given(LINES)
def test_exactly_the_settings_that_tomllib_reads_have_a_line(text: str) -> None:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    index = positions(text)
    assert set(index) == set(paths_of(data))
    assert all(1 <= line <= text.count("\n") + 1 for line in index.values())
