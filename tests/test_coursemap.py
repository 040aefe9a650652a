"""The map shows every lesson once, in order, and those that are written are told apart."""

from gan_course import coursemap, markers, plot


def test_lessons_are_numbered_in_order_without_a_gap():
    numbers = [number for lessons in coursemap.PARTS.values() for number in lessons]
    assert numbers == [f"{k:02d}" for k in range(28)]


def test_what_is_written_is_what_has_a_source():
    assert coursemap.written() == {path.stem[:2] for path in markers.sources()}
    assert "00" in coursemap.written()


def test_each_lesson_is_drawn_and_written_ones_differ_in_more_than_colour():
    _, ax = plot.figure(width=10, height=4.8)
    coursemap.draw(ax, {"00", "02"})
    words = [text.get_text() for text in ax.texts]
    assert all(number in words for lessons in coursemap.PARTS.values() for number in lessons)
    assert [patch.get_linestyle() for patch in ax.patches].count("-") == 2
