"""The help pages: what stands on them, and that the options of large commands stand under headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import click
import pytest

from zoo.cli import BUILT_IN, Commands, help_page

Zoo = Callable[..., tuple[int, str, str]]

#: The most options that a command may have without headings.
FEW = 10


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with the words that call it; groups yield their commands."""
    app = Commands()
    context = click.Context(app)
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", command.commands[each]) for each in command.commands)
        else:
            yield name, command


def visible_options(command: click.Command) -> list[click.Option]:
    # The context of the program, since a command keeps the first option --help that it makes.
    parameters = command.get_params(click.Context(command, **Commands().context_settings))
    return [each for each in parameters if isinstance(each, click.Option) and not each.hidden]


def sections_of(page: str) -> dict[str, list[str]]:
    """Return the headings of a help page, each with the names of its options in their order."""
    sections: dict[str, list[str]] = {}
    for line in page.splitlines():
        if heading := re.fullmatch(r"(\w+):", line):
            sections[heading[1]] = []
        elif sections and (option := re.match(r"  (?:-\w, )?(--[\w-]+)", line)):
            sections[list(sections)[-1]].append(option[1])
    return sections


def test_the_options_of_train_stand_under_headings(zoo: Zoo) -> None:
    sections = sections_of(zoo("train", "--help")[1])
    assert list(sections) == [
        "Model",
        "Data",
        "Training",
        "Stopping",
        "Regularisation",
        "Output",
        "Hardware",
        "General",
    ]
    assert sections["Stopping"] == ["--early-stopping", "--keep-best", "--monitor"]
    assert sections["General"] == ["--help"]
    assert {"--data", "--classes", "--validation", "--augment"} < set(sections["Data"])
    assert {"--epochs", "--learning-rate", "--lr-decay", "--seed"} < set(sections["Training"])
    assert {"--out", "--json"} < set(sections["Output"])
    assert {"--device", "--mixed-precision"} < set(sections["Hardware"])


def test_every_command_with_more_than_ten_options_groups_all_of_them_but_help() -> None:
    large = {words: command for words, command in commands() if len(visible_options(command)) > FEW}
    assert {"train", "evaluate", "extract", "augment"} <= large.keys()
    for words, command in large.items():
        assert isinstance(command, help_page.Command), words
        loose = [each.opts for each in visible_options(command) if not isinstance(each, help_page.Option)]
        assert loose == [["-h", "--help"]], words


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_a_help_page_fits_80_columns_shows_every_option_once_and_ends_in_an_example(
    words: str, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, page, err = zoo(*words.split(), "--help")
    assert (status, err) == (0, "")
    command = dict(commands())[words]
    sections = sections_of(page)
    shown = sorted(name for names in sections.values() for name in names)
    assert shown == sorted(
        next(name for name in each.opts if name.startswith("--")) for each in visible_options(command)
    )
    example = re.search(r"Example:\n    (zoo .*)\n", page)
    assert example is not None
    assert example[1].startswith(f"zoo {words}")
    assert max(len(line) for line in page.splitlines() if line.strip() != example[1]) <= 80


def test_the_sections_of_a_page_share_their_columns(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = zoo("train", "--help")[1].splitlines()
    described = [re.match(r"  (?:-\w, )?--.*?  +(?=\w)", line) for line in lines]
    assert {match.end() for match in described if match} == {34}
    assert sum(match is not None for match in described) > 30


@pytest.mark.parametrize(
    ("words", "option"), [(words, each) for words, command in commands() for each in visible_options(command)]
)
def test_every_option_is_described_by_whole_sentences(words: str, option: click.Option) -> None:
    text = option.help
    assert text, f"zoo {words} {option.opts[0]}"
    assert len(text.split()) >= 3
    assert text[0].isupper()
    assert re.search(r"\.(  \[default: .*\])?$", text)


def test_the_list_of_commands_describes_each_in_one_sentence_that_is_not_cut_off(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, listed = zoo("--help")[1].partition("Commands:\n")
    assert [line.split()[0] for line in listed.splitlines()][: len(BUILT_IN)] == list(BUILT_IN)
    assert [line for line in listed.splitlines() if not line.endswith(".") or line.endswith("...")] == []
