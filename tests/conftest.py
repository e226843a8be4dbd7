"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from crnn_lib import reader

# A few cases, always the same, in the default run; `make fuzz` asks for thousands of new ones.
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("CASES", 10)),
    derandomize="CASES" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("unhurried", parent=settings(), deadline=None)  # no test fails because a machine is busy
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As in training: the networks here are so small that a second thread costs more than it saves."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which a module works."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="session")
def captcha():
    return reader.load("captcha")


@pytest.fixture(scope="session")
def penman():
    return reader.load("pen")


@pytest.fixture(scope="session")
def captcha_dir():
    """The folder of the real images, which the project does not hold."""
    folder = os.environ.get("CRNN_CAPTCHA_DIR")
    if not folder:
        pytest.skip("needs the real images: set CRNN_CAPTCHA_DIR to their folder (make data fetches the public part)")
    return Path(folder)


@pytest.fixture(scope="module")
def loaded_once():
    """Reading the weights is most of what making a widget costs."""
    from crnn_lib.widgets import host

    readers, original, patch = host.readers(), host.readers, pytest.MonkeyPatch()
    patch.setattr(host, "readers", lambda model=None: readers if model is None else original(model))
    yield
    patch.undo()
