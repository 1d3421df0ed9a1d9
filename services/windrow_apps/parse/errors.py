"""What can go wrong for a whole run; what goes wrong with one page is a recorded row.

ParseError
├── SourceUnavailable    nobody answers, or says "not now": the job is retried
└── SourceMisconfigured  the setting cannot work: a retry would not help
"""


class ParseError(Exception):
    """A run of the parse app cannot go on."""


class SourceUnavailable(ParseError):
    """The source did not answer, or answered that it cannot at the moment."""


class SourceMisconfigured(ParseError):
    """The source setting is missing or names nothing that pages can be read from."""
