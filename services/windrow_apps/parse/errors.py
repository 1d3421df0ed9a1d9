"""What can go wrong for a whole run; what goes wrong with one page is a recorded row.

ParseError
├── InvalidRange         there is no such range of pages, or it is too long for one job
├── SourceUnavailable    nobody answers, or says "not now": the job is retried
└── SourceMisconfigured  the setting cannot work: a retry would not help
"""


class ParseError(Exception):
    """A run of the parse app cannot go on."""


class InvalidRange(ParseError):
    """The range of page ids cannot be; `field` is the bound at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return self.message


class SourceUnavailable(ParseError):
    """The source did not answer, or answered that it cannot at the moment."""


class SourceMisconfigured(ParseError):
    """The source setting is missing or names nothing that pages can be read from."""
