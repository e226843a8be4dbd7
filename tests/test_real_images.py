import json

import pytest

from crnn_lib.alphabet import CAPTCHA_SYMBOLS, Alphabet
from crnn_lib.data import list_folder, load_folder, split
from crnn_lib.tools.cli import main


@pytest.fixture(scope="module")
def real(captcha_dir):
    return load_folder(captcha_dir)


def test_the_set_is_1070_images_of_five_of_the_19_symbols(real, captcha_dir, capsys):
    assert len(real) == 1070 and real.images.shape == (1070, 1, 32, 128)
    assert {len(label) for label in real.labels} == {5}
    assert Alphabet.of(real.labels).symbols == CAPTCHA_SYMBOLS
    assert real.images.mean((1, 2, 3)).abs().max() < 1e-5
    assert (real.images.std((1, 2, 3), correction=0) - 1).abs().max() < 1e-4  # the floor touches none of them
    assert [file.name for file in list_folder(captcha_dir)] == list(real.names)
    assert main(["data", "verify", str(captcha_dir)]) == 0
    assert "full-1070" in capsys.readouterr().out


def test_the_published_split_is_749_and_321(real):
    for seed in range(5):
        train, test = split(real.labels, 0.7, seed)
        assert (len(train), len(test)) == (749, 321)
        assert not {real.labels[i] for i in train} & {real.labels[i] for i in test}


def test_the_committed_reader_says_where_it_comes_from(real, captcha):
    assert captcha.alphabet.symbols == CAPTCHA_SYMBOLS
    told = captcha.provenance
    assert (told["split_seed"], told["train_images"], told["images"]) == (0, 749, 1070)
    assert real.is_known_as(told["data"]) and told["data"] != real.fingerprint()  # version 1 wrote it


def test_the_committed_reader_reads_its_own_test_part(captcha_dir, capsys):
    assert main(["evaluate", "--data", str(captcha_dir), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["split"], told["images"], told["characters"]) == ("test", 321, 1605)
    assert told["exact_accuracy"] >= 0.975 and told["cer"] <= 0.01


def test_the_committed_reader_cannot_be_scored_on_another_split(captcha_dir, capsys):
    assert main(["evaluate", "--data", str(captcha_dir), "--split-seed", "1"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "split seed 0" in err and len(err.splitlines()) == 1
