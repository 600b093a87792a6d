"""The errors that reach a user, named after what went wrong for them.

SdiError
├── ConfigurationError   the declaration cannot be used (carries every finding)
├── SettingsError        an environment variable or a command-line option is wrong
├── SourceError          a county source did not give what it declares
│   └── SourceBusy       another process is harvesting it
├── DatabaseError        the database cannot be started or reached
└── PublicationError     a tenant's services could not be built

SdiError is Told, as are the smaller errors of a value or a geometry: it carries its text in both languages.
Each message says what is wrong, where, and what to do. What reaches a clerk or a visitor says it in both languages.
"""

from __future__ import annotations

from sdi.model.text import Text


class Told(Exception):
    """An error that says what is wrong in the languages of a node; a plain string stands for itself in all of them."""

    def __init__(self, text: Text | str) -> None:
        self.text = text if isinstance(text, Text) else Text.verbatim(text)
        super().__init__(text)

    def __str__(self) -> str:
        """In English, for logs and the command line."""
        return self.text.en


def told(error: BaseException) -> Text:
    """What an error says; of one that is not ours its own words."""
    return error.text if isinstance(error, Told) else Text.verbatim(str(error))


class SdiError(Told):
    """Something the user can mend; the command line prints it without a traceback."""


class ConfigurationError(SdiError):
    """The declaration of the region has mistakes; `findings` lists all of them."""

    def __init__(self, findings: list[str]) -> None:
        self.findings = findings
        super().__init__("\n".join(findings))


class SettingsError(SdiError):
    """An environment variable or an option has a value that cannot be used."""


class SourceError(SdiError):
    """A county source could not be read; says which, where and what to do."""

    def __init__(self, text: Text) -> None:
        super().__init__(text)


class SourceBusy(SourceError):
    """Another process is harvesting the source; says which."""


class DatabaseError(SdiError):
    """The database cannot be started or reached."""


class PublicationError(SdiError):
    """The services of a tenant could not be built."""
