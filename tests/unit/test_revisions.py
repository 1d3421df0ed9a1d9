"""The revisions by their file names are those that Alembic runs."""

from importlib import resources

from alembic.config import Config
from alembic.script import ScriptDirectory

from windrow.store.schema import head, is_newer, revisions


def test_the_revisions_are_alembics_and_the_newest_is_the_last() -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("windrow.store.migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert set(revisions()) == {script.revision for script in scripts.walk_revisions()}
    assert head() == scripts.get_current_head()


def test_only_an_unknown_revision_is_a_newer_one() -> None:
    assert is_newer("9999")
    assert not is_newer(head())
    assert not is_newer("")
