"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def captcha_dir():
    """The folder of the real images, which the project does not hold."""
    folder = os.environ.get("CRNN_CAPTCHA_DIR")
    if not folder:
        pytest.skip("needs the real images: set CRNN_CAPTCHA_DIR to their folder (make data fetches the public part)")
    return Path(folder)
