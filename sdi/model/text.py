"""The base of all declared models, and text in the languages of a node."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Language = Literal["pl", "en"]
LANGUAGES: tuple[Language, ...] = ("pl", "en")


class Declared(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Declared):
    """What a user reads, in Polish and English."""

    pl: str
    en: str

    def get(self, language: str) -> str:
        """The text in `language` (ISO 639-1), Polish for any language we do not speak."""
        return self.en if language == "en" else self.pl
