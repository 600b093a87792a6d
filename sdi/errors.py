"""The errors that reach a user, named after what went wrong for them.

SdiError
├── ConfigurationError   the declaration cannot be used (carries every finding)
├── SettingsError        an environment variable or a command-line option is wrong
├── SourceError          a county source did not give what it declares
├── DatabaseError        the database cannot be started or reached
└── PublicationError     a tenant's services could not be built

Each message says what is wrong, where, and what to do.
"""


class SdiError(Exception):
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


class DatabaseError(SdiError):
    """The database cannot be started or reached."""


class PublicationError(SdiError):
    """The services of a tenant could not be built."""
