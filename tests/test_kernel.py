"""The page's kernel: the bytes that pages carry are the text that one can read."""

import pytest

pytest.importorskip("wasmtime")


def test_the_kernel_is_its_text_assembled():
    import kernel

    assert kernel.TARGET.read_text(encoding="utf-8") == kernel.assembled()
