"""The base of all declared models, and text in the languages of a node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["pl", "en"]
LANGUAGES: tuple[Language, ...] = ("pl", "en")


def file_size(count: int, language: str) -> str:
    """Bytes as people read them: 393.2 kB, in Polish 393,2 kB."""
    if count < 1_000:
        return f"{count}\N{NO-BREAK SPACE}B"
    size, unit = next((count / 1_000**power, unit) for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB"))
                      if count >= 1_000**power)
    text = f"{size:.1f}\N{NO-BREAK SPACE}{unit}"
    return text if language == "en" else text.replace(".", ",")


class Declared(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Declared):
    """What a user reads, in Polish and English."""

    pl: str
    en: str

    @classmethod
    def verbatim(cls, words: str) -> Text:
        """Words that are the same in both languages, such as names, or what a library says."""
        return cls(pl=words, en=words)

    def at(self, place: str) -> Text:
        """The same with the place in front that it is about."""
        return Text(pl=f"{place}: {self.pl}", en=f"{place}: {self.en}")

    @classmethod
    def joined(cls, texts: Iterable[Text]) -> Text:
        """Several, one after the other, with semicolons between them."""
        texts = list(texts)
        return cls(pl="; ".join(text.pl for text in texts), en="; ".join(text.en for text in texts))

    def get(self, language: str) -> str:
        """The text in `language` (ISO 639-1), Polish for any language we do not speak."""
        return self.en if language == "en" else self.pl
