"""The bundled digits classifier: its card is true, a changed file is refused, its features tell images apart."""

import hashlib

import pytest
import torch

from gan_course import features, metrics

NET = features.digits_classifier()
X_TRAIN, Y_TRAIN, X_TEST, Y_TEST = features.digits_split()
X = torch.cat([X_TRAIN, X_TEST])


def test_the_card_tells_the_truth():
    right = (NET(X_TEST).argmax(1) == Y_TEST).sum().item()
    assert NET.card["test_right"] == right and NET.card["test_images"] == len(Y_TEST) == 360
    assert NET.card["test_accuracy"] == right / 360 > 0.98
    readme = (features.WEIGHTS.parent / "README.md").read_text(encoding="utf-8")
    assert features.SHA256 in readme and f"{right} of\nthe 360 test digits" in readme
    assert NET.card["parameters"] == sum(p.numel() for p in NET.parameters()) < 100_000


def test_the_split_is_fixed_stratified_and_apart():
    # The weights are of these rows: should scikit-learn ever divide otherwise, they must be trained again.
    rows = hashlib.sha256(X_TEST.numpy().tobytes()).hexdigest()
    assert rows == "075783dfacee9b7d85fd92e7151d5500752fc35a4c4c08c29a08f27b0920c28a"
    assert len(X_TRAIN) == 1437 and X.shape == (1797, 1, 8, 8) and X.dtype == torch.float32
    assert X.min() == -1 and X.max() == 1
    shares = [y.bincount(minlength=10) / len(y) for y in (Y_TRAIN, Y_TEST)]
    assert (shares[0] - shares[1]).abs().max() < 0.002
    train = {row.numpy().tobytes() for row in X_TRAIN}
    assert not train & {row.numpy().tobytes() for row in X_TEST}, "an image on both sides"
    assert all(
        torch.equal(a, b) for a, b in zip(features.digits_split(), (X_TRAIN, Y_TRAIN, X_TEST, Y_TEST), strict=True)
    )


def test_features_are_frozen_yet_let_gradients_through():
    x = X[:5].clone().requires_grad_()
    f = NET.features(x)
    assert f.shape == (5, 64) and not NET.training and not any(p.requires_grad for p in NET.parameters())
    f.sum().backward()
    assert x.grad.abs().sum() > 0
    torch.testing.assert_close(NET.features(X[:1]), f[:1].detach(), msg="no sample may depend on its neighbours")
    torch.testing.assert_close(NET.net.head(f), NET(x))


def test_training_again_gives_the_same_bytes(monkeypatch):
    monkeypatch.setattr(features, "EPOCHS", 3)
    before = torch.get_rng_state()
    first = features.train_classifier()
    assert torch.equal(torch.get_rng_state(), before), "training must not touch torch's own random stream"
    torch.rand(3)
    assert features.train_classifier() == first
    assert hashlib.sha256(first).hexdigest() != features.SHA256


def test_command_reports_and_writes(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(features, "EPOCHS", 1)
    monkeypatch.setattr("sys.argv", ["features", str(tmp_path / "new.safetensors")])
    features.main()
    digest = hashlib.sha256((tmp_path / "new.safetensors").read_bytes()).hexdigest()
    printed = capsys.readouterr().out
    assert digest in printed and "not the file in data/" in printed and "of 360" in printed


@pytest.mark.parametrize("where", [0, 20, 5000, -1])
def test_one_flipped_bit_is_refused(tmp_path, where):
    blob = bytearray(features.WEIGHTS.read_bytes())
    blob[where] ^= 1
    bad = tmp_path / "digits_classifier.safetensors"
    bad.write_bytes(blob)
    with pytest.raises(ValueError, match="damaged or was replaced") as caught:
        features.digits_classifier(path=bad)
    assert "\n" not in str(caught.value)


def test_missing_or_truncated_weights_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing from .* take data/ again"):
        features.digits_classifier(path=tmp_path / "none.safetensors")
    short = tmp_path / "short.safetensors"
    short.write_bytes(features.WEIGHTS.read_bytes()[:-10])
    with pytest.raises(ValueError, match="damaged"):
        features.digits_classifier(path=short)


@pytest.mark.parametrize("shape", [(5, 8, 8), (5, 1, 16, 16), (5, 3, 8, 8), (5, 64)])
def test_wrong_images_get_one_sentence(shape):
    with pytest.raises(ValueError, match=r"images of shape \(n, 1, 8, 8\)"):
        NET.features(torch.zeros(shape))


def test_scores_rank_what_should_be_ranked():
    """At n = 500: real data at its floor, then worse and worse images; and collapse is seen, however sharp."""
    rng = torch.Generator().manual_seed(1)
    order = torch.randperm(len(X), generator=rng)
    a, b = X[order[:500]], X[order[500:1000]]

    def frechet(x):
        return metrics.frechet_distance(NET.features(a), NET.features(x))

    floor = metrics.real_floor(metrics.frechet_distance, NET.features(X), 500)
    noisy = [b + sd * torch.randn(b.shape, generator=rng) for sd in (0.0, 0.6, 1.2)]
    scores = [frechet(x) for x in noisy] + [frechet(torch.rand(b.shape, generator=rng) * 2 - 1)]
    assert scores == sorted(scores) and abs(scores[0] - floor.mean) < 4 * floor.sd < scores[1] - floor.mean
    ten_images = torch.stack([X_TRAIN[Y_TRAIN.eq(digit)][0] for digit in range(10)]).repeat(50, 1, 1, 1)
    assert frechet(ten_images) > floor.mean + 10 * floor.sd
    kernel = metrics.real_floor(metrics.kernel_distance, NET.features(X), 500)
    assert abs(kernel.mean) < kernel.sd
    assert metrics.kernel_distance(NET.features(a), NET.features(ten_images)) > kernel.mean + 5 * kernel.sd
