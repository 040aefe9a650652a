"""A trained generator in one line; damaged, foreign and hostile files are refused in a sentence, and never executed."""

import copy
import os
import pickle

import pytest
import torch

from gan_course import Batches, savefile, store, train
from gan_course.generators import KINDS, load_generator, make, save_generator
from gan_course.nets import mlp
from gan_course.savefile import StoreError

SMALL = {
    "mlp": {"x_dim": 3, "z_dim": 4, "hidden": (5, 6), "coins": 2},
    "conv": {"size": 8, "channels": 3, "z_dim": 4, "width": 4},
    "conditional": {"size": 8, "channels": 1, "classes": 3, "z_dim": 4, "width": 4},
    "residual": {"size": 16, "channels": 1, "z_dim": 4, "width": 4},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_comes_back_in_one_line_with_its_card_ready_to_use(tmp_path, kind):
    torch.manual_seed(0)
    G = make(kind, **SMALL[kind])
    inputs = torch.randn(5, G.z_dim), *([torch.tensor([0, 1, 2, 0, 1])] if kind == "conditional" else [])
    G(*inputs)  # batch statistics move
    save_generator(tmp_path / "generator.safetensors", copy.deepcopy(G), {"data": "none"})
    for path in (tmp_path, tmp_path / "generator.safetensors", str(tmp_path)):
        twin = load_generator(path, device="cpu")
        assert torch.equal(twin(*inputs), G.eval()(*inputs))
        assert not twin.training and not any(p.requires_grad for p in twin.parameters())
        assert twin.card["data"] == "none" and twin.z_dim == 4 and twin.made["kind"] == kind


def test_the_average_of_a_game_is_saved_too(tmp_path):
    game = train(make("mlp", hidden=(4,)), mlp.discriminator(hidden=(4,)), Batches(torch.randn(9, 2), 4), average=0.9)
    next(game), next(game)
    save_generator(tmp_path / "g", game.averaged, {})
    same = zip(load_generator(tmp_path / "g").parameters(), game.averaged.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


class Trap:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_damaged_and_foreign_files_are_refused_and_nothing_is_unpickled(tmp_path):
    good = tmp_path / "good"
    save_generator(good, make("mlp", **SMALL["mlp"]), {})
    whole = good.read_bytes()
    for name, data in {"flipped": bytes([*whole[:-3], whole[-3] ^ 4, *whole[-2:]]), "cut": whole[:200], "empty": b"",
                       "pickle": pickle.dumps(Trap(tmp_path / "sprung"))}.items():  # fmt: skip
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StoreError, match=f"/{name} is damaged.*not a save of this course"):
            load_generator(tmp_path / name)
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "torch")
    with pytest.raises(StoreError, match="damaged"):
        load_generator(tmp_path / "torch")
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(StoreError, match="Could not read .*generator.safetensors"):
        load_generator(tmp_path)


def test_sound_files_that_hold_something_else_are_refused(tmp_path):
    game = train(mlp.generator(), mlp.discriminator(), Batches(torch.randn(9, 2), 4))
    store.save(tmp_path / "game", game)
    with pytest.raises(ValueError, match="holds a game, not a network's weights"):
        load_generator(tmp_path / "game")
    store.save_weights(tmp_path / "bare", game.G, {"note": "no kind"})
    with pytest.raises(ValueError, match="does not say which generator.*store.load_weights"):
        load_generator(tmp_path / "bare")
    for made, match in (
        ({"kind": "os.system", "arguments": {}}, "does not know it"),
        ({"kind": "mlp"}, "cannot be built"),
        ({"kind": "mlp", "arguments": {"layers": 3}}, "cannot be built"),
        ({"kind": "conv", "arguments": {"size": 12}}, "cannot be built .*8, 16, 28, 32 or 64"),
        ({"kind": "mlp", "arguments": {"hidden": (10**9, 10**9)}}, "holds other weights than the network it names"),
    ):
        content = {"card": {"generator": made}, "weights": game.G.state_dict()}
        savefile.write(tmp_path / "x", "a network's weights", content)
        with pytest.raises((StoreError, ValueError), match=match):
            load_generator(tmp_path / "x")


def test_only_what_can_be_built_again_is_saved(tmp_path):
    with pytest.raises(ValueError, match="must say how to build this network: make it with generators.make"):
        save_generator(tmp_path / "g", mlp.generator(), {})
    with pytest.raises(ValueError, match="kind must be one of 'mlp', 'conv'"):
        make("vae")
    assert not list(tmp_path.iterdir())
