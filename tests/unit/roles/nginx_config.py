"""nginx configuration as a tree, as far as tests need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{|[^\s{};])+""")


@dataclass(slots=True)
class Block:
    """One directive: its words, and what is between its braces."""

    words: list[str]
    inside: list[Block] = field(default_factory=list)

    def walk(self) -> Iterator[Block]:
        """The block itself and all below it."""
        yield self
        for one in self.inside:
            yield from one.walk()

    def own(self, directive: str) -> list[list[str]]:
        """The arguments of each such directive that stands in this very block."""
        return [one.words[1:] for one in self.inside if one.words[0] == directive]

    def find(self, *words: str) -> Block:
        """The one block or directive below that begins with these words."""
        (found,) = (one for one in self.walk() if tuple(one.words[: len(words)]) == words)
        return found


def parse(text: str) -> Block:
    """The whole file as one block.

    Raises:
        ValueError: braces or semicolons do not match.
    """
    root = Block(["main"])
    stack, words = [root], list[str]()
    for token in TOKEN.findall(text):
        if token.startswith("#"):
            continue
        if token == ";":
            stack[-1].inside.append(Block(words))
            words = []
        elif token == "{":
            stack[-1].inside.append(Block(words))
            stack.append(stack[-1].inside[-1])
            words = []
        elif token == "}":
            stack.pop()
        else:
            words.append(token.strip("\"'"))
    if len(stack) != 1 or words:
        raise ValueError(f"not closed: {stack[-1].words} {words}")
    return root
