"""Fixtures that several test modules share."""

import os
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """As in training: the networks here are so small that a second thread costs more than it saves."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def captcha_dir():
    """The folder of the real images, which the project does not hold."""
    folder = os.environ.get("CRNN_CAPTCHA_DIR")
    if not folder:
        pytest.skip("needs the real images: set CRNN_CAPTCHA_DIR to their folder (make data fetches the public part)")
    return Path(folder)
