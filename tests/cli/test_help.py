"""Help texts of `dp` and of every command."""

from __future__ import annotations

import re

import pytest

from deepmd_tf.cli import COMMANDS

from ..runs import dp


def test_dp_lists_its_commands_with_an_example():
    result = dp("-h")
    assert result.status == 0
    for name, summary in COMMANDS.items():
        assert re.search(rf"^ +{name}\s+{re.escape(summary[:30])}", result.out, re.MULTILINE)
    assert "dp train input.json" in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_and_explains_every_option(command):
    result = dp(command, "-h")
    assert result.status == 0
    assert result.err == ""
    description, _, options = result.out.partition("options:\n")
    assert re.search(rf"^ *dp {command}\b(?! \[)", description, re.MULTILINE), "no example"
    for option in re.findall(r"^  (-.*)$", options, re.MULTILINE):
        explanation = options.split(option, 1)[1].split("\n  -")[0]
        assert "  " in option or len(explanation.strip()) > 10, f"{option} is not explained"


def test_version():
    result = dp("--version")
    assert re.fullmatch(r"deepmd_tf \d+\.\d+\.\d+\S*\n", result.out)


def test_words_are_not_abbreviated():
    """An abbreviation that works today is ambiguous when an option is added."""
    assert dp("train", "input.json", "--skip").status == 2
