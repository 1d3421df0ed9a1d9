"""The names of the images that the cluster's tests ask for."""

from __future__ import annotations

import pytest

from tests.e2e.build import commands
from tests.e2e.images import images_from, split


def test_one_variable_names_them_all() -> None:
    images = images_from({"WINDROW_E2E_IMAGE": "windrow:mine"})
    assert images == (
        "windrow:mine",
        "windrow-tools:mine",
        "windrow-e2e:mine",
        "windrow:mine-next",
        "windrow-e2e:mine-next",
        "windrow-e2e-rabbitmq:mine",
    )


def test_a_registry_with_a_port_is_no_tag() -> None:
    assert split("registry:5000/windrow:1.2") == ("registry:5000/windrow", "1.2")
    with pytest.raises(ValueError, match="has no tag"):
        split("registry:5000/windrow")


def test_what_is_built_is_what_the_tests_ask_for_and_a_base_comes_before_what_stands_on_it() -> None:
    images = images_from({"WINDROW_E2E_IMAGE": "windrow:mine"})
    built = ["windrow:mine"]
    for name, base, *_ in commands("windrow:mine"):
        assert base.removeprefix("BASE=") in built
        built.append(name)
    assert set(built) == {images.platform, images.project, images.next_platform, images.next_project}
