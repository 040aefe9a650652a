"""Each bad argument is refused at the call, in one sentence that names the fix."""

import pytest
import torch
from torch import nn

import gan_course as gc
from gan_course import door
from gan_course.nets import mlp

X = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))


def call(**change):
    G, D = mlp.generator(), mlp.discriminator()
    args = dict(G=G, D=D, batches=gc.Batches(X, 16)) | change
    args = {k: v(G, D) if getattr(v, "__name__", "") == "of_players" else v for k, v in args.items()}
    return gc.train(args.pop("G"), args.pop("D"), args.pop("batches"), **args)


def of(make):
    def of_players(G, D):
        return make(G, D)

    return of_players


class NoDim(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)


class Scores(nn.Module):
    """A discriminator that forgot to keep the column."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 1)

    def forward(self, x):
        return self.net(x).squeeze(1)


def broken(D):
    nn.init.constant_(D[0].weight, float("nan"))
    return D


BAD = {
    "steps": (dict(steps=-1), "steps must be a whole number"),
    "steps float": (dict(steps=10.0), "steps must be a whole number"),
    "d_steps": (dict(d_steps=1.5), "d_steps must be a whole number"),
    "d_steps none": (dict(d_steps=None), "d_steps must be a whole number"),
    "d_steps bool": (dict(d_steps=True), "d_steps must be a whole number"),
    "nobody": (dict(d_steps=0, g_steps=0), "nobody would learn"),
    "average": (dict(average=1.0), "between 0 and 1"),
    "average text": (dict(average="yes"), "between 0 and 1"),
    "lr": (dict(lr_g=0.0), "lr_g must be a positive number"),
    "lr nan": (dict(lr_d=float("nan")), "lr_d must be a positive number"),
    "lr text": (dict(lr_d="fast"), "lr_d must be a positive number"),
    "loss name": (dict(loss="hinge"), "must be a Loss such as"),
    "loss vector": (dict(loss=gc.Loss(lambda r, f: f - r, gc.hinge.g)), r"end it with \.mean"),
    "loss float": (dict(loss=gc.Loss(gc.hinge.d, lambda r, f: 1.0)), r"end it with \.mean"),
    "loss detached": (dict(loss=gc.Loss(gc.hinge.d, lambda r, f: -f.detach().mean())), "would learn nothing"),
    "loss of real": (dict(loss=gc.Loss(gc.hinge.d, lambda r, f: r.mean())), "does not depend on the fake"),
    "penalty bare": (dict(penalties=gc.r1(1.0)), r"penalties=\[r1"),
    "penalty number": (dict(penalties=[1.0]), "must be a function"),
    "penalties none": (dict(penalties=None), "must be a list"),
    "constrain": (dict(constrain=0.01), "clip_weights"),
    "G no module": (dict(G=lambda z: z), "must be a torch.nn.Module"),
    "D frozen": (dict(D=mlp.discriminator().requires_grad_(False)), "no parameters that can learn"),
    "swapped optimiser": (dict(opt_d=of(lambda G, D: torch.optim.SGD(G.parameters(), 0.1))), "other player"),
    "foreign optimiser": (
        dict(opt_g=torch.optim.SGD([nn.Parameter(torch.ones(1))], 0.1)),
        "no parameter of G",
    ),
    "two rates": (dict(opt_g=of(lambda G, D: torch.optim.SGD(G.parameters(), 0.1)), lr_g=0.1), "not both"),
    "optimiser class": (dict(opt_g=torch.optim.SGD), "must be an optimiser"),
    "no noise": (dict(G=NoDim()), "G.z_dim"),
    "noise rows": (dict(noise=lambda n: torch.randn(3, 2)), "16 rows"),
    "noise width": (dict(noise=lambda n: torch.randn(n, 5)), "G does not accept its input"),
    "tensor": (dict(batches=X), r"Batches\(x, 64\)"),
    "empty": (dict(batches=iter([])), "gave no minibatch"),
    "numpy": (dict(batches=iter([X.numpy()])), r"not ndarray: .* torch\.as_tensor"),
    "nan data": (dict(batches=gc.Batches(X * float("nan"), 16)), "finite"),
    "integer data": (dict(batches=gc.Batches(X.long(), 16)), "floating-point"),
    "shape": (dict(G=mlp.generator(x_dim=3)), "change G's last layer"),
    "D input": (dict(D=mlp.discriminator(x_dim=3)), "D does not accept its input"),
    "D output": (dict(D=Scores()), r"shape \(16, 1\)"),
    "D classes": (dict(D=nn.Linear(2, 10)), r"shape \(16, 1\)"),
    "short loader": (dict(batches=[X[:16]] * 5, steps=3, d_steps=2), "ends after 5 minibatches .* needs 6"),
    "D weights": (dict(D=broken(mlp.discriminator())), "not finite before any training"),
    "batch norm": (
        dict(D=nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)), penalties=[gc.r1(1.0)]),
        "batch normalisation",
    ),
    "conditions": (dict(batches=gc.Batches(X, 16, X[:, 0])), "does not accept its input"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_at_the_call(name):
    change, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call(**change)


def test_good_arguments_pass():
    call()
    call(steps=0, d_steps=0, average=0.5)
    call(batches=[X[:16]] * 6, steps=3, d_steps=2)
    call(opt_g=of(lambda G, D: torch.optim.SGD(G.parameters(), 0.1, momentum=0.5)))
    call(G=NoDim(), noise=lambda n: torch.rand(n, 2))
    call(D=nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)))


def test_the_probe_leaves_no_trace():
    G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    G.z_dim = 2
    G[2].eval()
    D = gc.spectral_norm(mlp.discriminator())
    before = [{k: v.clone() for k, v in net.state_dict().items()} for net in (G, D)]
    batches, twin = gc.Batches(X, 16, seed=5), gc.Batches(X, 16, seed=5)
    rng = torch.get_rng_state()
    game = gc.train(G, D, batches)
    assert torch.equal(rng, torch.get_rng_state())
    for was, net in zip(before, (G, D), strict=True):
        assert all(torch.equal(was[k], v) for k, v in net.state_dict().items())
    assert G.training and not G[2].training and D.training
    assert torch.equal(next(game.batches), next(twin))


def test_penalties_may_come_from_a_generator():
    assert len(call(penalties=(gc.r1(w) for w in (0.1, 0.2))).penalties) == 2


def test_sees_real():
    assert door.sees_real(gc.relativistic.g)
    assert door.sees_real(lambda real, fake: (fake - real.detach().mean()).square().mean())
    assert not any(
        door.sees_real(x.g) for x in (gc.minimax, gc.non_saturating, gc.least_squares, gc.hinge, gc.wasserstein)
    )


def test_batches_refuse_and_resume():
    for bad in (dict(x=X[:0], size=4), dict(x=[1.0], size=4), dict(x=X, size=0), dict(x=X, size=2.0)):
        with pytest.raises(ValueError):
            gc.Batches(**bad)
    with pytest.raises(ValueError, match="200 rows"):
        gc.Batches(X, 4, X[:3])
    a = gc.Batches(X, 32, X[:, :1], seed=2)
    next(a)
    place = a.state_dict()
    b = gc.Batches(X, 32, X[:, :1])
    b.load_state_dict(place)
    for x, y in zip(next(a), next(b), strict=True):
        assert torch.equal(x, y)
    x, first = next(a)
    assert torch.equal(x[:, :1], first)  # conditions stay with their rows
    for other in (gc.Batches(X, 16), gc.Batches(X[:50], 32)):
        with pytest.raises(ValueError, match="same data and batch size"):
            other.load_state_dict(place)
