"""A migration that only adds, on top of whatever this release has."""

from pathlib import Path

from alembic import op

revision = "9999"
down_revision = max(
    path.name[1:5] for path in Path(__file__).parent.glob("r[0-9]*.py") if path.name < "r9999"
)


def upgrade() -> None:
    """A column that the release before does not know."""
    op.execute("ALTER TABLE windrow.jobs ADD COLUMN e2e_note text")
