"""What `python -m gan_course.run` does around a game: data, saves, logs, metrics, and what it does when things fail."""
