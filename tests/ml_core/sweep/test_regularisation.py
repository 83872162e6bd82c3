import pytest

from ml_core.errors import SeaIceError
from ml_core.sweep.regularisation import parse


def test_regularisations_are_read_as_an_analyst_writes_them():
    found = parse(" none ;\n L2 = 1e-4, dropout=0.10 \n l1=1e-6, augmentation=none patience=5\n")
    assert [one.name for one in found] == [
        "none",
        "l2=0.0001 dropout=0.1",
        "l1=1e-06 augmentation=none patience=5",
    ]
    assert found[0].settings == {"dropout": 0, "l2": 0, "l1": 0}
    assert found[1].settings == {"dropout": 0.1, "l2": 1e-4, "l1": 0}
    assert found[2].settings == {
        "dropout": 0,
        "l2": 0,
        "l1": 1e-6,
        "augmentation": "none",
        "patience": 5,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  ; ", 'none given; write "none"'),
        ("lasso=3", "'lasso=3' is not understood"),
        ("l2", "'l2' is not understood; write none, or settings such as"),
        ("none l2=1", "'none' is not understood"),
        ("l2=1e-4 l2=2e-4", "l2 is there twice in"),
        ("none; none", "'none' is there twice; name it once"),
        ("l2=-1", "L2 lambda: -1 is out of bounds; give 0 or more"),
        ("l1=-1e-9", "L1 lambda: -1e-09 is out of bounds"),
        ("dropout=1", "Dropout rate: 1 is out of bounds; give 0 or more and less than 1"),
        ("dropout=half", "Dropout rate: expected a number, got 'half'"),
        ("augmentation=blur", "'blur' is not one of none, flips, rotations"),
        ("data_fraction=2", "Data fraction: 2 is out of bounds"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(SeaIceError, match=message):
        parse(text)
