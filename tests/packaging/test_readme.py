"""The README's section for developers names files that exist."""

import re


def test_the_files_to_touch_exist(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| to add | touch |") :].split("\n\n")[0]
    named = [name for name in re.findall(r"`([^`]+/[^`]*)`", table) if "<" not in name]
    assert len(named) > 15
    for name in named:
        assert (root / "ml_core" / name).exists() or (root / name).exists(), name
