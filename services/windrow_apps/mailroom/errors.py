"""What can go wrong in the mailroom's jobs.

MailroomError
├── MailInFlight      another job is sending the same mail just now: later
├── NoRecords         there is nothing to compute from, or no record could be read
├── UploadGone        the records were removed, or never were there
└── ReportsMisplaced  the folder of the reports cannot be used: settings
"""


class MailroomError(Exception):
    """A job of the mailroom cannot go on."""


class MailInFlight(MailroomError):
    """Another job has claimed the same mail and has not recorded it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        #: Until its claim lapses.
        self.seconds = seconds

    def __str__(self) -> str:
        return "another job is sending the same mail"


class NoRecords(MailroomError):
    """Nothing could be read."""


class UploadGone(MailroomError):
    """There is no upload with this id."""


class ReportsMisplaced(MailroomError):
    """WINDROW_MAILROOM_REPORTS is neither `database` nor a folder that can be written."""
