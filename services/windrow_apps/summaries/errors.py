"""What can go wrong with a summary.

SummariesError
├── SummaryFailed     no summary will come of this job
├── SettingsWrong     a provider's setting cannot work: a retry would not help
└── CallFailed        one call of one provider; `outcome` is its name in the counts
    └── TooMany       it said 429, with the seconds that it asked for
"""


class SummariesError(Exception):
    """The summaries app cannot go on."""


class SummaryFailed(SummariesError):
    """No summary will come of this job; the message says why."""


class SettingsWrong(SummariesError):
    """A provider's setting names nothing that could be called."""


class CallFailed(SummariesError):
    """A provider did not give a summary. The message never holds a key, nor what the provider wrote."""

    def __init__(self, outcome: str, message: str, *, perhaps_charged: bool) -> None:
        super().__init__(message)
        #: `error`, `timeout`, `truncated`, `malformed`, `refused` or `busy`: a label of the counts.
        self.outcome = outcome
        #: It may have counted tokens for what never arrived.
        self.perhaps_charged = perhaps_charged


class TooMany(CallFailed):
    """The provider said 429; `seconds` is its Retry-After, None where it gave none that can be read."""

    def __init__(self, message: str, seconds: float | None) -> None:
        super().__init__("busy", message, perhaps_charged=False)
        self.seconds = seconds
