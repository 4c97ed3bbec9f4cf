"""The code of the README and of the quick start runs, in order, in one namespace for each page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ADDRESS = "http://127.0.0.1:3000"
_PACKAGE = Path(__file__).parent.parent
_QUICK_START = _PACKAGE.parent.parent / "docs" / "quickstart-python.md"


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Language and text of each code block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


@contextmanager
def namespace_of_page() -> Iterator[dict[str, Any]]:
    """The names that the code of a page defines. Its clients are closed at the end."""
    namespace: dict[str, Any] = {}
    try:
        yield namespace
    finally:
        for value in namespace.values():
            if type(value).__name__ == "Client":
                value.close()


def test_the_code_of_the_readme_runs(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    codes = [text for language, text in blocks_of(_PACKAGE / "README.md") if language == "python"]
    assert len(codes) >= 10
    assert _ADDRESS in codes[0]
    with namespace_of_page() as namespace:
        for number, code in enumerate(codes, start=1):
            exec(compile(code.replace(_ADDRESS, url), f"README.md block {number}", "exec"), namespace)  # noqa: S102
    printed = capsys.readouterr().out
    assert "did you mean volatility?" in printed
    assert "succeeded" in printed
    assert "strike must be at least" in printed


def test_the_code_of_the_quick_start_prints_what_the_page_says(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed, compared = "", 0
    with namespace_of_page() as namespace:
        for language, text in blocks_of(_QUICK_START):
            if language == "python":
                exec(compile(text.replace(_ADDRESS, url), str(_QUICK_START), "exec"), namespace)  # noqa: S102
                printed = capsys.readouterr().out
            elif language == "":
                assert printed == text
                compared += 1
    assert compared == 8
