"""The bundled generator: sound, as good as its card says, no copier, and made by its recipe."""

import hashlib
import re

import pytest
import torch

from gan_course import store
from gan_course.features import digits_split
from gan_course.recipes import first_generator as recipe


@pytest.fixture(scope="module")
def G():
    return recipe.load()


def test_it_makes_pictures_and_is_frozen(G):
    x = G(torch.randn(5, 4))
    assert x.shape == (5, 1, 8, 8) and x.abs().max() <= 1
    assert not G.training and not any(p.requires_grad for p in G.parameters())


def test_it_is_as_good_as_its_card_says(G):
    fake, floor = recipe.score(recipe.fakes(G)), recipe.score(recipe.reals)
    for found, said in ((fake, G.card["frechet_distance"]), (floor, G.card["real_floor"])):
        assert found.mean == pytest.approx(said["mean"], abs=0.05)
        assert found.sd == pytest.approx(said["sd"], abs=0.05)
    untrained = recipe.score(recipe.fakes(recipe.blank().eval()), trials=2)
    assert floor.mean < fake.mean < 3 and untrained.mean > 20


def test_its_digits_are_no_copies(G):
    train, _, test, _ = digits_split()
    z = torch.randn(360, 4, generator=torch.Generator().manual_seed(0))
    to_fake, to_test = (torch.cdist(x.flatten(1), train.flatten(1)).min(1).values for x in (G(z), test))
    assert to_fake.mean() > to_test.mean() and to_fake.min() > 0.5


def test_the_readme_beside_the_weights_has_their_checksums():
    text = (recipe.WEIGHTS.parent / "README.md").read_text("utf-8")
    for path in recipe.WEIGHTS.parent.glob("*.safetensors"):
        assert re.search(rf"{path.name}.*{hashlib.sha256(path.read_bytes()).hexdigest()}", text), path.name


@pytest.mark.parametrize("place", [10, 500, -1])
def test_a_flipped_bit_is_refused(tmp_path, place):
    blob = bytearray(recipe.WEIGHTS.read_bytes())
    blob[place] ^= 1
    (tmp_path / "bad.safetensors").write_bytes(blob)
    with pytest.raises(store.StoreError, match="damaged"):
        recipe.load(tmp_path / "bad.safetensors")


def test_a_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(store.StoreError, match="Could not read"):
        recipe.load(tmp_path / "none.safetensors")


def test_the_recipe_gives_the_same_weights_twice_and_leaves_the_seed_alone(monkeypatch):
    monkeypatch.setattr(recipe, "STEPS", 3)
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, two = recipe.train_generator(), recipe.train_generator()
    assert torch.rand(1) == wanted
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(one.start[0].weight, recipe.blank().start[0].weight)
