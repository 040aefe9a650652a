"""The table of many runs: what it holds, how it prints, what its means are, and what its pictures show."""

import math

import numpy as np
import pytest
import torch

import gan_course as gc
from gan_course import plot
from gan_course.table import Table

NAN = float("nan")
ROWS = [
    {"loss": gc.hinge, "lr": 1e-4, "seed": 0, "modes": 8},
    {"loss": gc.hinge, "lr": 1e-4, "seed": 1, "modes": 6},
    {"loss": gc.hinge, "lr": 1e-1, "seed": 0, "modes": NAN},
    {"loss": gc.relativistic, "lr": 1e-4, "seed": 0, "modes": 8},
    {"loss": gc.relativistic, "lr": 1e-3, "seed": 0, "modes": 7},
    {"loss": gc.relativistic, "lr": 1e-3, "seed": 1, "modes": 5},
]


def table():
    return Table(ROWS)


def test_columns_and_rows():
    t = table()
    assert t.columns == ["loss", "lr", "seed", "modes"] and len(t) == 6
    assert t["loss"].tolist() == ["hinge"] * 3 + ["relativistic"] * 3
    np.testing.assert_array_equal(t["modes"], [8, 6, NAN, 8, 7, 5])
    assert t[0] == {"loss": "hinge", "lr": 1e-4, "seed": 0, "modes": 8} and t[-1]["seed"] == 1
    assert isinstance(t[1:3], Table) and t[1:3]["seed"].tolist() == [1, 0]
    assert [row["lr"] for row in t][:2] == [1e-4, 1e-4]


def test_a_row_may_lack_a_column():
    t = Table([{"a": 1}, {"b": "x"}, {"a": None, "b": None}])
    np.testing.assert_array_equal(t["a"], [1, NAN, NAN])
    assert t["b"].tolist() == [None, "x", None]


def my_penalty(D, real, fake):
    return 0


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        (np.int64(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (torch.tensor(2), 2),
        (gc.non_saturating, "non-saturating"), (my_penalty, "my_penalty"), (torch.nn.Linear, "Linear"),
        ([], "none"), ([gc.r1(0.5), my_penalty], "0.25 at real + my_penalty"),
        ((gc.gradient_penalty(10),), "10 between"),
    ],
)  # fmt: skip
def test_what_stands_for_a_setting(value, stands):
    found = Table([{"x": value}])[0]["x"]
    assert found == stands and type(found) is type(stands)


def test_different_functions_of_one_name_stay_apart():
    wide, deep = (lambda: 1), (lambda: 2)
    t = Table([{"G": wide}, {"G": deep}, {"G": wide}])
    assert t["G"].tolist() == ["<lambda>", "<lambda> (2)", "<lambda>"] and len(t.groups("G")) == 2


def test_where_and_groups():
    t = table()
    assert len(t.where(loss=gc.hinge)) == 3 == len(t.where(loss="hinge"))
    assert t.where(loss="hinge", seed=np.int64(1))["modes"].tolist() == [6]
    assert {value: len(group) for value, group in t.groups("lr").items()} == {1e-4: 3, 1e-1: 1, 1e-3: 2}
    with pytest.raises(ValueError, match="No row has loss='hing'"):
        t.where(loss="hing")
    for ask in (lambda: t["mode"], lambda: t.where(mode=1), lambda: t.groups("mode"), lambda: t.summary("mode")):
        with pytest.raises(KeyError, match="no column 'mode'; there are loss, lr, seed, modes"):
            ask()
    with pytest.raises(ValueError, match="at least one row"):
        Table([])


def test_summary_against_hand_sums():
    s = table().summary("loss", "modes")
    assert s.columns == ["loss", "runs", "lost", "modes", "modes sd"]
    assert s[0] == {"loss": "hinge", "runs": 3, "lost": 1, "modes": 7, "modes sd": pytest.approx(math.sqrt(2))}
    assert s[1]["modes"] == pytest.approx(20 / 3) and s[1]["lost"] == 0
    assert s[1]["modes sd"] == pytest.approx(np.std([8, 7, 5], ddof=1))
    by_rate = table().summary("lr", "modes").where(lr=0.1)
    assert by_rate[0]["lost"] == 1 and np.isnan(by_rate[0]["modes"])
    two = Table([{"a": 1, "x": NAN, "y": 2.0}, {"a": 1, "x": 3.0, "y": NAN}, {"a": 1, "x": 5.0, "y": 4.0}]).summary(
        "a", "x", "y"
    )
    assert two[0] == {"a": 1, "runs": 3, "lost": 2, "x": 4, "x sd": pytest.approx(2**0.5), "y": 3,
                      "y sd": pytest.approx(2**0.5)}  # fmt: skip


def test_a_single_run_has_no_deviation():
    assert np.isnan(table().where(lr=1e-4, seed=1).summary("loss", "modes")[0]["modes sd"])


def test_it_prints_in_columns():
    assert repr(table()).splitlines()[:4] == [
        "loss              lr  seed  modes",
        "hinge         0.0001     0      8",
        "hinge         0.0001     1      6",
        "hinge            0.1     0    nan",
    ]
    assert repr(Table([{"x": 1 / 3, "name": "a" * 50}])) == f"     x  name\n0.3333  {'a' * 25}..."


def test_a_long_table_prints_its_ends():
    lines = repr(Table([{"i": i, "x": "y"} for i in range(500)])).splitlines()
    assert len(lines) == 42 and lines[20].split() == ["...", "..."] and lines[-1] == "(500 rows)"
    assert lines[1].split() == ["0", "y"] and lines[19].split() == ["18", "y"] and lines[-2].split() == ["499", "y"]
    assert len(repr(Table([{"i": i} for i in range(39)])).splitlines()) == 40


def test_saved_and_loaded_it_is_the_same(tmp_path):
    t = Table(
        [*({**row, "kl": kl} for row, kl in zip(ROWS, [0.1, math.inf, NAN, 0, 1e-9, 2], strict=True)), {"a": None}]
    )
    t.save(tmp_path / "t.json")
    back = Table.load(str(tmp_path / "t.json"))
    assert repr(back) == repr(t) and back.columns == t.columns
    np.testing.assert_array_equal(back["kl"], t["kl"])
    assert repr(back.summary("loss", "modes")) == repr(t.summary("loss", "modes"))


# ---- pictures, by what lies in them ----


def drawn(method, *args, **kwargs):
    fig, ax = plot.figure()
    method(ax, *args, **kwargs)
    plot.png(fig)  # it can be drawn
    return ax


def ticks(axis):
    return dict(zip(axis.get_ticklocs(), [label.get_text() for label in axis.get_ticklabels()], strict=True))


def test_plot_by_name_is_bars():
    ax = drawn(table().plot, "modes", "loss", floor=8)
    assert [bar.get_height() for bar in ax.patches] == [pytest.approx(7), pytest.approx(20 / 3)]
    (errors,) = ax.collections
    assert [np.ptp(segment[:, 1]) / 2 for segment in errors.get_segments()] == pytest.approx([2**0.5, 1.5275], abs=1e-3)
    assert ticks(ax.xaxis) == {0: "hinge\n1 lost", 1: "relativistic"}
    dots = np.concatenate([line.get_ydata() for line in ax.lines if line.get_marker() == "."])
    np.testing.assert_array_equal(dots, table()["modes"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "one run", "real data", "mean and sd of the runs",
    ]  # fmt: skip
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("loss", "modes")


def test_plot_by_number_is_a_line_on_a_fitting_axis():
    ax = drawn(table().plot, "modes", "lr")
    assert ax.get_xscale() == "log"
    line = next(line for line in ax.lines if line.get_marker() == "o")
    assert line.get_xdata().tolist() == [1e-4, 1e-3, 1e-1]  # in order, though the rows are not
    np.testing.assert_allclose(np.array(line.get_ydata(), float), [22 / 3, 6, NAN])
    assert ticks(ax.xaxis) == {1e-4: "0.0001", 1e-3: "0.001", 1e-1: "0.1\n1 lost"}
    assert len(ax.xaxis.get_minorticklocs()) == 0
    assert drawn(table().plot, "modes", "seed").get_xscale() == "linear"
    near = Table([{"x": x, "y": 1.0} for x in (1, 2, 5)])
    assert drawn(near.plot, "y", "x").get_xscale() == "linear"
    zero = Table([{"x": x, "y": 1.0} for x in (0, 0.01, 10)])
    assert drawn(zero.plot, "y", "x").get_xscale() == "linear"


def test_plot_by_truth_is_bars():
    assert len(drawn(Table([{"x": x, "y": 1.0} for x in (True, False)]).plot, "y", "x").patches) == 2


def test_map():
    ax = drawn(table().map, "modes", "lr", "loss", vmin=0, vmax=8)
    (image,) = ax.images
    cells = np.ma.filled(image.get_array(), NAN)
    np.testing.assert_allclose(cells, [[7, NAN, NAN], [8, 6, NAN]])  # rates in order along x, losses up as they came
    assert image.get_clim() == (0, 8) and image.origin == "lower"
    (cross,) = ax.lines  # at hinge, 0.1, which diverged; of the other two there are no runs
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (2, 0)
    assert list(ticks(ax.xaxis).values()) == ["0.0001", "0.001", "0.1"]
    assert list(ticks(ax.yaxis).values()) == ["hinge", "relativistic"]
    assert ax.figure.axes[1].get_ylabel() == "modes"


def test_a_fine_map_has_readable_ticks():
    rates = np.logspace(-4, -1, 14)
    rows = [{"lr_g": g, "lr_d": d, "x": 1.0} for g in rates for d in rates]
    ax = drawn(Table(rows).map, "x", "lr_g", "lr_d")
    names = list(ticks(ax.xaxis).values())
    assert len(names) == 7 and names[0] == "0.0001" and max(map(len, names)) <= 7
