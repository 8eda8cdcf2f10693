import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.privacy.misspelt import Misspelt, near

TOLD = Misspelt(["condamne", "tribunal", "ecrou", "detention"], ["detection"])
WORDS = st.text(alphabet="abcdeinotu", min_size=5, max_size=10)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("condanne", "condamne"),
        ("condane", "condamne"),
        ("condamme", "condamne"),
        ("tribunai", "tribunal"),
        ("trbunal", "tribunal"),
        ("tribunall", "tribunal"),
        ("tirbunal", "tribunal"),
        ("ectou", "ecrou"),
        ("detection", None),
        ("retention", None),
        ("tribunal", None),
        ("ecr", None),
    ],
)
def test_a_word_with_one_letter_wrong_is_recognised(word: str, expected: str | None) -> None:
    assert TOLD.meant(word) == expected


@given(WORDS, st.data())
def test_any_one_mistake_behind_the_first_letter_is_recognised(
    word: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(word) - 1))
    sign = data.draw(st.sampled_from("abcxyz"))
    wrong = data.draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + sign + word[at:],
                word[:at] + sign + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            ]
        )
    )
    assume(wrong != word and wrong[0] == word[0] and len(wrong) >= 5)
    assert near(word, wrong)
    assert Misspelt([word], []).meant(wrong) == word


@given(WORDS, WORDS)
def test_near_is_the_same_both_ways(one: str, other: str) -> None:
    assert near(one, other) == near(other, one)
