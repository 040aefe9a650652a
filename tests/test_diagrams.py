import pytest

from gan_course import diagrams, plot


@pytest.mark.parametrize("player, other", [("discriminator", "generator"), ("generator", "discriminator")])
def test_only_the_player_whose_turn_it_is_moves(player, other):
    _, ax = plot.figure()
    diagrams.turn(ax, player)
    words = [text.get_text() for text in ax.texts]
    assert words.count("moves") == 1
    assert any(word.startswith("stays") for word in words)
    assert ax.get_title(loc="left") == f"The {player}'s turn"
    place = {word.split("\n")[0]: text.get_position()[0] for word, text in zip(words, ax.texts, strict=True)}
    assert place["moves"] == place[player]
    assert next(x for word, x in place.items() if word.startswith("stays")) == place[other]


def test_there_are_two_players():
    with pytest.raises(ValueError, match="discriminator, generator"):
        diagrams.turn(plot.figure()[1], "judge")
