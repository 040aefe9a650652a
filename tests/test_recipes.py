"""The pieces of the larger experiments: their networks, data, classifier, and the count of Stacked MNIST's modes."""

import dataclasses
import gzip
import hashlib
import math

import pytest
import torch

from gan_course import device, images
from gan_course.nets import conditional, residual
from gan_course.recipes import ALL, stacked_mnist
from gan_course.running import data, judge
from gan_course.running.data import find
from gan_course.running.experiment import Options
from gan_course.running.judge import Judge


@pytest.mark.parametrize("size", [8, 16, 28, 32])
def test_residual_pair(size):
    torch.manual_seed(0)
    G, D = residual.generator(size, 3, 8, 4), residual.discriminator(size, 3, 4)
    x = G(torch.randn(5, 8))
    assert x.shape == (5, 3, size, size) and D(x).shape == (5, 1)
    torch.testing.assert_close(D(x)[:2], D(x[:2]))  # no normalisation ties samples together
    blocks = [m for net in (G, D) for m in net.modules() if isinstance(m, residual._Block)]
    y = torch.randn(2, blocks[0].change[0].in_channels, 4, 4)
    assert torch.equal(blocks[0](y), y)  # a block starts as the identity
    D(x).sum().backward()
    assert all(p.grad is not None for net in (G, D) for p in net.parameters())


def test_conditional_pair_listens_to_its_label():
    torch.manual_seed(0)
    G, D = conditional.generator(8, 1, 10, 4, 4).eval(), conditional.discriminator(8, 1, 10, 4)
    z, y = torch.randn(1, 4).expand(6, 4), torch.tensor([0, 1, 2, 3, 4, 4])
    x = G(z, y)
    assert x.shape == (6, 1, 8, 8) and torch.equal(x[4], x[5]) and not torch.allclose(x[3], x[4])
    torch.testing.assert_close(D(x, y), D.judge(x))  # at first D judges the picture alone
    torch.nn.init.normal_(D.label.weight)
    expected = D.judge(x) + torch.stack([D.label(y)[i] @ D.judge.features(x)[i] for i in range(6)])[:, None]
    torch.testing.assert_close(D(x, y), expected)


def test_stacked_batches_are_digits_in_three_channels_and_keep_their_place():
    x = torch.arange(50.0).view(50, 1, 1, 1).expand(50, 1, 2, 2)
    batches = stacked_mnist.Stacked(x, 400, seed=1)
    batch = next(batches)
    assert batch.shape == (400, 3, 2, 2) and set(batch.unique().tolist()) == set(range(50))
    corr = torch.corrcoef(batch[:, :, 0, 0].T) - torch.eye(3)
    assert corr.abs().max() < 0.2  # the channels are independent
    place = batches.state_dict()
    after = next(batches)
    batches.load_state_dict(place)
    assert torch.equal(next(batches), after)


def test_modes_and_kl_of_known_samples():
    uniform = torch.full((1000,), 1e-3, dtype=torch.float64)
    everything = torch.cartesian_prod(*[torch.arange(10)] * 3)
    assert torch.equal(stacked_mnist.triples(everything), torch.arange(1000))
    assert stacked_mnist.modes_and_kl(torch.arange(1000), uniform) == (1000, pytest.approx(0, abs=1e-12))
    assert stacked_mnist.modes_and_kl(torch.zeros(50, dtype=int), uniform) == (1, pytest.approx(math.log(1000)))
    assert stacked_mnist.modes_and_kl(torch.arange(250), uniform) == (250, pytest.approx(math.log(4)))


def test_perfect_samples_score_the_floor_and_the_floor_is_what_theory_says():
    rng = torch.Generator().manual_seed(0)
    y = torch.arange(10).repeat(100)
    fake = torch.randint(10, (26_000, 3), generator=rng)
    found = stacked_mnist.score(fake, y, y)
    kl, modes = found["kl"], found["modes_of_1000"]
    assert kl.floor == pytest.approx(999 / (2 * 26_000), rel=0.05) and kl.n == 26_000  # chi-squared over 2n
    assert abs(kl.value - kl.floor) < 5 * kl.floor_sd and modes.value == modes.floor == 1000
    # A generator without sevens, and a classifier that takes every seventh digit of class 1 for a 7.
    poor = stacked_mnist.score(torch.where(fake == 7, 1, fake), y, y)
    assert poor["modes_of_1000"].value == 729 and poor["kl"].value > kl.floor + 0.3
    assert stacked_mnist.score(fake, torch.where(y == 7, 1, y), y)["modes_of_1000"].floor == 729


def idx(array: torch.Tensor) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + bytes(array.flatten().tolist()), mtime=0)


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A set in MNIST's form, of 100 images that are as light as their label, and its official checksums."""
    y = torch.arange(100) % 10
    x = (y * 25).view(-1, 1, 1).expand(-1, 28, 28)
    files = {name: idx(part) for split in images.FILES.values() for name, part in zip(split, (x, y), strict=True)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    small = dataclasses.replace(images.MNIST, mirrors=(), checksums=sums)

    def load(split, folder=None, device=None, size=28):
        return images.load(small, split, folder, device, size)

    monkeypatch.setitem(data._SETS, "mnist", (load, "Small", "CC0"))
    monkeypatch.setattr(images, "PAUSES", (0.0,))
    return tmp_path


def test_both_splits_of_a_folder_are_used_as_they_are(archive):
    found = find("mnist", 32, str(archive), torch.device("cpu"))
    assert (len(found.x), len(found.x_test), found.size, found.name) == (100, 100, 32, "Small")
    assert found.card() == {"name": "Small", "images": 100, "held out": 100, "licence": "CC0"}


def test_a_folder_with_one_split_is_divided_and_says_so(archive):
    for name in images.FILES["train"]:
        (archive / name).unlink()
    found = find("mnist", 28, str(archive), torch.device("cpu"))
    assert (len(found.x), len(found.x_test)) == (80, 20) and "only the 100 images of its test split" in found.name
    assert torch.equal(((found.x[:, 0, 0, 0] + 1) * 5.1).round(), found.y.float())  # images keep their labels
    again = find("mnist", 28, str(archive), torch.device("cpu"))
    assert torch.equal(found.y, again.y)


def test_data_that_cannot_be_had_name_the_way_out(archive, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(images.DataError, match="no complete split of Small.*t10k-images.*--data digits"):
        find("mnist", 28, str(tmp_path / "empty"), torch.device("cpu"))
    monkeypatch.setenv("GAN_COURSE_DATA", str(tmp_path / "empty"))
    with pytest.raises(images.DataError, match="Could not download.*--data FOLDER.*--data digits"):
        find("mnist", 28, None, torch.device("cpu"))


def test_a_classifier_is_trained_once_kept_and_does_not_disturb_the_run(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 200)
    found, said = find("mnist", 28, str(archive), torch.device("cpu")), []
    torch.manual_seed(0)
    first = judge.Judge(found, tmp_path / "classifier", said.append)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(1))
    assert len(said) == 2 and first.card["test_accuracy"] > 0.8 and first.card["data"]["licence"] == "CC0"
    second = judge.Judge(found, tmp_path / "classifier", said.append)
    assert len(said) == 2 and second.card == first.card
    assert torch.equal(first.features(found.x_test), second.features(found.x_test))
    # Real images score their floor, one image for all scores badly, and obeying the label is told from not.
    good = first.distances(lambda n: found.x[:n])["frechet_distance"]
    poor = first.distances(lambda n: found.x[:1].expand(n, -1, -1, -1))["frechet_distance"]
    assert good.value < poor.value / 3 and good.n == 50
    obeys = first.obedience(lambda y: found.x_test)["obeys_label"]
    assert obeys.value == obeys.floor == pytest.approx(first.card["test_accuracy"])
    assert first.obedience(lambda y: found.x_test.roll(1, 0))["obeys_label"].value < 0.3


def test_every_recipe_names_a_set_that_there_is():
    assert all(recipe.data in ("mnist", "fashion_mnist") and recipe.size in (28, 32) for recipe in ALL.values())


@pytest.mark.parametrize("name", ["dcgan-mnist", "conditional-fashion", "r3gan-32"])
def test_a_recipe_learns_also_at_the_size_for_a_laptop(name, tmp_path):
    recipe, cpu = ALL[name], torch.device("cpu")
    digits = data.find(recipe.data, recipe.size, "digits", cpu)
    judge = Judge(digits, tmp_path / "classifier.safetensors")
    device.seed(0)
    experiment = recipe.build(digits, Options(steps=300, batch=64, width=8, seed=0, device=cpu))
    before = experiment.measure(judge)["frechet_distance"].value
    for _ in experiment.game:
        pass
    assert experiment.measure(judge)["frechet_distance"].value < 0.4 * before
