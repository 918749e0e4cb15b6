"""What a track's tags say: the ticket's words, then the wish's."""

from __future__ import annotations

from earmark.core.tracktags import TrackTags, track_tags
from earmark.core.wish import AlbumWish, TrackWish

TRACKS = tuple(
    TrackWish(f"t{disc}{n}", disc, n, f"Song {n}", 100.0, f"/d{disc}t{n}.ogg") for disc in (1, 2) for n in (1, 2, 3)
)
WISH = AlbumWish("Radiohead", "OK Computer", 1997, "Parlophone", ("alternative rock", "art rock"), TRACKS)


def test_the_wish_fills_every_field() -> None:
    assert track_tags(WISH, TRACKS[4], {}) == TrackTags(
        title="Song 2",
        artist="Radiohead",
        album_artist="Radiohead",
        album="OK Computer",
        number=2,
        total=3,
        disc=2,
        discs=2,
        year=1997,
        genre="alternative rock; art rock",
        extra={"LABEL": "Parlophone"},
    )


def test_what_the_ticket_says_to_embed_wins_for_the_whole_album_but_never_names_a_track() -> None:
    said = {
        "artist": "Guest",
        "album": "Other",
        "year": "2001",
        "genre": "Rock",
        "title": "x",
        "composer": "C",
        "isrc": " ",
    }
    tags = track_tags(WISH, TRACKS[0], said)
    assert (tags.title, tags.artist, tags.album_artist, tags.album) == ("Song 1", "Guest", "Guest", "Other")
    assert (tags.year, tags.genre) == (2001, "Rock")
    assert tags.extra == {"LABEL": "Parlophone", "COMPOSER": "C"}
